-- Whose turn it is: the part of line.lua that is needed where somebody waits, or has to.

function Line.load_contested()
  for _, key in ipairs(meta.contested) do Line.contested[key] = true end
end

function Line.save_contested()
  local keys = {}
  for key in pairs(Line.contested) do keys[#keys + 1] = key end
  table.sort(keys)
  meta.contested = #keys > 0 and keys or false
end

function Line.timely(place)
  if place.done_by == NEVER then return place.offers end
  local list = {}
  for _, offer in ipairs(place.offers) do
    if Line.is_timely(place, offer) then list[#list + 1] = offer end
  end
  return list
end

-- What a place's forecast had planned of each quota, so that it can be found there.
local function planned_amounts(place)
  local offer = Places.planned_offer(place)
  if not offer then return nil end
  local was = {}
  for _, claim in ipairs(offer.claims) do was[claim[1]] = { amount = claim[3], at = place.at } end
  return was
end

-- Where all are ill, one may be probed before its time.
function Line.take_early(place, list, was)
  local early = place.panic and Ahead.panic(place.offers, list) or nil
  if not early or not Books.quotas_have_room(early, Line.contested) then return nil end
  return Books.take(place.id, early, was), early
end

function Line.take_first(place, list)
  local was = planned_amounts(place)
  for _, offer in ipairs(list) do
    if Books.has_room(offer, Line.contested) then return Books.take(place.id, offer, was), offer end
  end
  return Line.take_early(place, list, was)
end

function Line.grant_text(granted)
  return format('{"granted":%s,"take":%d,"probe":%s}', cjson.encode(granted.id), granted.index, tostring(granted.probe))
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

-- Give up a place.
function Line.leave(place)
  Places.remove(place, false)
  Line.made_room()
end
