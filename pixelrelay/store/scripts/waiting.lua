-- The walk along the line, and the forecast: the twin of store/line.py where somebody waits.

local max, min, format = math.max, math.min, string.format
local NEVER, INSTANT, SOON, TEN_MINUTES = Common.NEVER, Common.INSTANT, Common.SOON, Common.TEN_MINUTES
local owner_of, tell = Common.owner_of, Common.tell
local GLANCE, LONG = 0.05, 64

local function in_time(place, offer, at)
  return at <= place.latest + place.grace and at + offer.least <= place.done_by + place.grace
end

local function aim_of(place)
  return place.ci and place.kind .. ':' .. place.ci or nil
end

-- Note of one who found no room when time will have made some, and what nobody behind may take.
local function note(place, list)
  local early = place.panic and Ahead.panic(place.offers, list) or nil
  for _, offer in ipairs(list) do
    local free = true
    for _, claim in ipairs(offer.claims) do free = free and not Line.contested[claim[1]] end
    if free then
      local opens = Ahead.opens(offer, offer == early)
      meta.due = min(meta.due, opens > now + INSTANT and opens or now + GLANCE)
    end
  end
  if place.planned_offer then
    Ahead.short(place.planned_offer, Line.contested)
    Line.contested_changed = true
  end
  Line.timer_may_change = true
end

-- Let each in the line, from its head, take what it can.
function Waiting.walk()
  local full, aims, places = {}, {}, {}
  Line.contested, Line.contested_changed, meta.due = {}, true, NEVER
  for i, place in ipairs(Places.all()) do places[i] = place end
  for _, place in ipairs(places) do
    local aim = aim_of(place)
    if not (aim and aims[aim]) then
      Places.load(place)
      local list = Line.timely(place)
      local granted, offer
      if not full[place.kind] then granted, offer = Line.take_first(place, list) end
      if granted then
        if offer ~= place.planned_offer then meta.upset = '1' end
        place.granted = granted
        Places.remove(place, true)
        if place ~= Line.newcomer then tell(owner_of(place.id), Line.grant_text(granted)) end
      else
        note(place, list)
        if #list == #place.offers then
          full[place.kind] = true
          if aim then aims[aim] = true end
        end
      end
    end
  end
  Line.timer_may_change = true
end

-- --- the forecast --------------------------------------------------------------------------------------------------

-- Plan the place's turn behind all others, if it comes in time; `anyway`: even if not.
local function foresee(place, ready, anyway)
  Places.load(place)
  place.planned_offer, place.planned, place.at = nil, false, NEVER
  for _, offer in ipairs(place.offers) do
    local times = ready[offer.d]
    if not times then
      times = {}
      ready[offer.d] = times
    end
    local at = times[place.kind]
    if not at then
      at = Ahead.free_at(offer)
      times[place.kind] = at
    end
    if at < place.at and (anyway or in_time(place, offer, at)) then place.planned_offer, place.at = offer, at end
  end
  if place.planned_offer then
    place.planned, place.ci = true, place.planned_offer.ci
    for name in pairs(Ahead.plan(place.id, place.planned_offer, place.at)) do ready[name] = nil end
  end
  Places.foreseen(place)
end

local function forecast()
  meta.looked, meta.foreseen = now, now
  Ahead.forget_plans()
  local ready = {}
  for _, place in ipairs(Places.all()) do foresee(place, ready) end
  Plans.write()
end

-- When the place's turn would come if it were last in the line, in seconds, as JSON; and if it waits for a limit of our
-- own, for which: the offer, the claim, and what is used.
function Waiting.full(place)
  local soonest, first = NEVER, place.offers[1]
  for _, offer in ipairs(place.offers) do
    local at = Ahead.free_at(offer)
    if at < soonest then soonest, first = at, offer end
  end
  local text = soonest == NEVER and 'null' or format('%.6f', max(0, soonest - now))
  local claim, q = Ahead.shortage(first, soonest)
  return claim and format('%s,"shortage":[%d,%d,%d]', text, first.i, claim - 1, q.counter.used(q)) or text
end

-- Send away all whose turn would come too late.
local function send_away()
  local late, answers = {}, {}
  for _, place in ipairs(Places.all()) do
    if not place.planned then late[#late + 1] = place end
  end
  if #late == 0 then return end
  for i, place in ipairs(late) do answers[i] = Waiting.full(Places.load(place)) end
  for i, place in ipairs(late) do
    Places.remove(place, false)
    tell(owner_of(place.id), format('{"dropped":%s,"full":%s}', cjson.encode(place.id), answers[i]))
  end
  Line.made_room()
end

-- Find a place for one who was not served at once. He has one if he comes out of it with a plan.
function Waiting.enter(place)
  local overtakes = Line.overtakes(place.score)
  Line.newcomer = place
  Places.insert(place)
  if overtakes then
    Waiting.walk()
    if place.granted then return end
  end
  local anew = false
  if not overtakes and meta.upset == '' then
    foresee(place, {})
  elseif meta.waiting > LONG and now < meta.foreseen + SOON then
    foresee(place, {}, overtakes)
  else
    forecast()
    anew = true
  end
  Plans.write()
  if place.planned then
    place.grace = SOON + INSTANT
    note(place, Line.timely(place))
  else
    Places.remove(place, false)
  end
  if anew then send_away() end
end

-- Make the forecast anew if it has not come true, or is known not to.
function Waiting.look_again()
  Waiting.walk()
  local stale = meta.upset == '1'
  for _, place in ipairs(Places.all()) do
    stale = stale or place.at + INSTANT < now
  end
  if stale then
    forecast()
    send_away()
  end
  meta.looked = now
  Line.timer_may_change = true
  for _, name in ipairs({ 'line', 'w', 'k', 'plan', 'planned' }) do redis.call('EXPIRE', K .. name, TEN_MINUTES) end
end

