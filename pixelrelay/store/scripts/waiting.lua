-- The walk along the line, and the forecast: the twin of store/line.py where somebody waits.

local tell = Common.tell
local GLANCE, LONG = 0.05, 64

local function in_time(place, least, at)
  return at <= place.latest + place.grace and at + least <= place.done_by + place.grace
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
  local planned = Places.planned_offer(place)
  if planned then
    Ahead.short(planned, Line.contested)
    Line.contested_changed = true
  end
  Line.timer_may_change = true
end

-- Let the first of an aim take what it can: whether it was served, and else whether nobody of its kind can be.
local function serve(place)
  Places.load(place)
  local list, planned = Line.timely(place), Places.planned_offer(place)
  local granted, offer = Line.take_first(place, list)
  if not granted then
    note(place, list)
    return false, #list == #place.offers
  end
  if offer ~= planned then meta.upset = '1' end
  place.granted = granted
  Places.remove(place, true)
  if place ~= Line.newcomer then tell(owner_of(place.id), Line.grant_text(granted)) end
  return true, false
end

-- Put the next of an aim where it belongs among the heads that are yet to come.
local function go_on(heads, index, head)
  head.place = head.name and Places.next_of(head.name, head.passed)
  if not head.place then return end
  local low, high = index + 1, #heads + 1
  while low < high do
    local middle = floor((low + high) / 2)
    if Places.is_before(heads[middle].place, head.place) then low = middle + 1 else high = middle end
  end
  table.insert(heads, low, head)
end

-- Let each in the line, from its head, take what it can. Where one finds no room, none of its kind does: of those, one
-- of each aim is seen, for what it contests.
function Waiting.walk()
  local full, heads, index = {}, Places.heads(), 1
  Line.contested, Line.contested_changed, meta.due = {}, true, NEVER
  while heads[index] do
    local head = heads[index]
    if full[head.kind] then
      local wanted = head.ci and Places.kind(head.kind)[head.ci]
      if wanted then Ahead.short(wanted, Line.contested) end
    else
      local served, none = serve(head.place)
      if none then
        full[head.kind] = true
      else
        if not served then head.passed = head.passed + 1 end
        go_on(heads, index, head)
      end
    end
    index = index + 1
  end
  Line.timer_may_change = true
end

-- --- the forecast --------------------------------------------------------------------------------------------------

-- Plan the place's turn behind all others, if it comes in time; `anyway`: even if not.
local function foresee(place, ready, anyway)
  local wants, common, planned = place.wants, Places.kind(place.kind), nil
  place.planned, place.at = false, NEVER
  for i, ci in ipairs(wants.o) do
    local offer = common[ci]
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
    if at < place.at and (anyway or in_time(place, wants.l[i], at)) then planned, place.at = i, at end
  end
  if planned then
    place.planned, place.ci = true, wants.o[planned]
    local touched = Ahead.plan(place.id, common[place.ci], place.at, wants.e[planned])
    for name in pairs(touched) do ready[name] = nil end
  end
  Places.foreseen(place)
end

local function forecast()
  meta.looked, meta.foreseen = now, now
  Ahead.forget_plans()
  local ready = {}
  for _, place in ipairs(Places.all_wants()) do foresee(place, ready) end
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
  Places.keep()
end

