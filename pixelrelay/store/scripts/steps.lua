-- The steps: reserve, settle, cancel, tend, join, look. Each answers one object of JSON. What few need is in upkeep.lua.

function Steps.list(texts)
  return '[' .. concat(texts, ',') .. ']'
end

function Steps.finish(parts)
  Line.set_timer()
  if rawget(Places, 'save_forecast') then Places.save_forecast() end
  if Line.contested_changed then Line.save_contested() end
  Records.save()
  if asked.members ~= meta.members then
    parts[#parts + 1] = format('"members":%d,"processes":%s', meta.members, Fleet.text())
  end
  if meta.watch == me then parts[#parts + 1] = format('"watch":%.6f', max(0, meta.alarm - now)) end
  if #news > 0 then parts[#parts + 1] = '"news":' .. Steps.list(news) end
  if asked.epoch ~= meta.epoch then parts[#parts + 1] = '"epoch":' .. cjson.encode(meta.epoch) end
  Common.save_meta()
  parts[#parts + 1] = format('"now":"%.6f"', now + meta.base)
  return '{' .. concat(parts, ',') .. '}'
end

function Steps.taken(held)
  return format('"take":%d,"probe":%s', held.index, tostring(held.probe))
end

local function reserved()
  Line.serve()
  meta.number = meta.number + 1
  local place = {
    id = asked.id, number = format('%012d', meta.number), score = -asked.priority,
    latest = now + (known(asked.patience) or NEVER), done_by = now + (known(asked.within) or NEVER),
    panic = asked.panic == true, grace = INSTANT, at = NEVER,
  }
  local granted = Line.served_at_once(place)
  if granted then return Steps.taken(granted), granted end
  Waiting.enter(place)
  if place.granted then return Steps.taken(place.granted) end
  if place.left then return '"full":' .. Waiting.full(place) end
  return format('"ticket":%.6f', max(0, place.at - now))
end

function Steps.reserve()
  if now > meta.reap then Fleet.reap() end
  Offers.expect(asked.tell)
  local before = call('HGET', K .. 'h:' .. me, asked.id)
  local answer = before and Steps.answered(asked.id, before)
  local more = 0
  if not answer then
    local granted
    answer, granted = reserved()
    if granted and not granted.probe and asked.more then more = Steps.ahead(Offers.at(granted.index + 1)) end
  end
  local told, indexes = Offers.told(), {}
  for i, offer in ipairs(told) do indexes[i] = offer.i end
  return Steps.finish({
    answer, '"told":' .. Steps.list(indexes), '"states":' .. Books.states(told),
    more > 0 and format('"more":%d', more) or nil,
  })
end

function Steps.settle()
  local ended, states = {}, {}
  for i, report in ipairs(asked.settled) do
    local held, changes = Settling.held(report.id), {}
    if held then Settling.settle(held, report, changes) end
    ended[i] = Steps.list(changes)
  end
  for i, report in ipairs(asked.settled) do
    states[i] = Books.states(Offers.read({ report.offer }))
  end
  return Steps.finish({ '"changes":' .. Steps.list(ended), '"states":' .. Steps.list(states) })
end
