-- The line of those who wait, by priority and then by arrival, of all processes: the twin of store/line.py. Here is what
-- every step has to do with it; the rest of this part is in turns.lua, and what is needed only where somebody waits in
-- places.lua and waiting.lua.

Line.contested = {} -- quotas of which someone in the line needs more than is free
Line.contested_changed, Line.timer_may_change = false, false
Line.places = false -- all of them, in order, once they have been read
Line.newcomer = false -- the place of who is asking

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

function Line.is_timely(place, offer)
  return now + offer.least <= place.done_by + INSTANT
end

-- Walk the line if time has made room.
function Line.serve()
  if now + INSTANT >= meta.due and not Line.empty() then Waiting.walk() end
end

-- What a newcomer can take without entering the line: nothing, if he would overtake someone in it. Where he finds no
-- room, he has looked at all that he may take.
function Line.served_at_once(place)
  local may, i = not Line.overtakes(place.score), 1
  local offer = may and Offers.look(1)
  while offer do
    if Line.is_timely(place, offer) and Books.has_room(offer, Line.contested) then return Books.take(place.id, offer) end
    i = i + 1
    offer = Offers.look(i)
  end
  place.offers = Offers.all()
  return may and Line.take_early(place, Line.timely(place)) or nil
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
  local watch, alarm = owner_of(first), min(meta.due, meta.looked + SOON)
  if watch == me then
    meta.watch, meta.alarm = watch, alarm
  elseif watch ~= meta.watch or alarm < meta.alarm - INSTANT then
    meta.watch, meta.alarm = watch, alarm
    Common.tell(watch, format('{"watch":%.6f}', max(0, alarm - now)))
  end
end
