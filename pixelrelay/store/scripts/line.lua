-- The line of those who wait, by priority and then by arrival, of all processes: the twin of store/line.py. Here is what
-- every step has to do with it; what is needed only where somebody waits is in places.lua and waiting.lua.

local call, format, concat = redis.call, string.format, table.concat
local NEVER, INSTANT = Common.NEVER, Common.INSTANT

Line.contested = {} -- quotas of which someone in the line needs more than is free
-- Line.places: all of them, in order, once they have been read; Line.newcomer: the place of who is asking.

function Line.load_contested()
  for _, key in ipairs(meta.contested or {}) do Line.contested[key] = true end
end

function Line.save_contested()
  if not Line.contested_changed then return end
  local keys = {}
  for key in pairs(Line.contested) do keys[#keys + 1] = key end
  table.sort(keys)
  meta.contested = #keys > 0 and keys or nil
end

function Line.empty()
  if meta.waiting == 0 then return true end
  if not Line.places and call('EXISTS', K .. 'line') == 0 then meta.waiting = 0 end -- it has expired
  return meta.waiting == 0
end

-- Whether a newcomer of that score goes before the last in the line.
function Line.overtakes(score)
  if Line.empty() then return false end
  if Line.places then return score < Line.places[#Line.places].score end
  local last = call('ZREVRANGE', K .. 'line', 0, 0, 'WITHSCORES')
  return score < tonumber(last[2])
end

function Line.timely(place)
  if place.done_by == NEVER then return place.offers end
  local list = {}
  for _, offer in ipairs(place.offers) do
    if now + offer.least <= place.done_by + INSTANT then list[#list + 1] = offer end
  end
  return list
end

-- What a place's forecast had planned of each quota, so that it can be found there.
local function planned_amounts(place)
  local offer = place.planned_offer
  if not offer then return nil end
  local was = {}
  for _, claim in ipairs(offer.claims) do was[claim[1]] = { amount = claim[3], at = place.at } end
  return was
end

function Line.take_first(place, list)
  local was = planned_amounts(place)
  for _, offer in ipairs(list) do
    if Books.has_room(offer, Line.contested) then return Books.take(place.id, offer, was), offer end
  end
  local early = place.panic and Ahead.panic(place.offers, list) or nil
  if not early or not Books.quotas_have_room(early, Line.contested) then return nil end
  return Books.take(place.id, early, was), early
end

function Line.grant_text(granted)
  return format('{"granted":%s,"take":%d,"probe":%s}', cjson.encode(granted.id), granted.index, tostring(granted.probe))
end

-- Walk the line if time has made room.
function Line.serve()
  if now + INSTANT >= meta.due and not Line.empty() then Waiting.walk() end
end

-- Something else than time has made room, or taken it away.
function Line.made_room()
  meta.upset = '1'
  if not Line.empty() then
    Waiting.walk()
  elseif meta.due ~= NEVER or next(Line.contested) then
    Line.contested, Line.contested_changed, meta.due = {}, true, NEVER
  end
end

-- What a newcomer can take without entering the line: nothing, if he would overtake someone in it.
function Line.served_at_once(place)
  if Line.overtakes(place.score) then return nil end
  return (Line.take_first(place, Line.timely(place)))
end

-- Give up a place.
function Line.leave(place)
  Places.remove(place, false)
  Line.made_room()
end

-- --- keeping watch -------------------------------------------------------------------------------------------------

-- One process keeps a timer for all: the one whose request is first. It is told when to come back.
function Line.set_timer()
  if not Line.timer_may_change and meta.watch ~= me then return end
  if Line.empty() then
    meta.watch, meta.alarm = '', NEVER
    return
  end
  local first = Line.places and Line.places[1].id or string.match(call('ZRANGE', K .. 'line', 0, 0)[1], '^%d+:%d+:(.*)$')
  local watch, alarm = Common.owner_of(first), math.min(meta.due, meta.looked + Common.SOON)
  if watch == me then
    meta.watch, meta.alarm = watch, alarm
  elseif watch ~= meta.watch or alarm < meta.alarm - INSTANT then
    meta.watch, meta.alarm = watch, alarm
    Common.tell(watch, format('{"watch":%.6f}', math.max(0, alarm - now)))
  end
end
