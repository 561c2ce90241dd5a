-- Concurrent slots: the twin of SlotCounter in store/counters.py.
-- A sorted set of `amount:id` by when each is thought to end; count (held) stands in the record.

function Slots.has_room(q, amount)
  return q.count + amount <= max(q.most, amount) and amount <= q.largest
end

function Slots.opens(q, amount, after)
  return Slots.has_room(q, amount) and after or NEVER
end

-- Who is thought to hold slots at the last plan, or now if there is none: until when, how many; in order.
local function thought_of(q)
  if q.thought then return q.thought end
  if q.plans > 0 then
    local text = call('GET', K .. 't:' .. q.key)
    if text then
      local known_ones = cjson.decode(text)
      q.thought = { in_use = table.remove(known_ones), ends = known_ones }
      return q.thought
    end
  end
  local flat, holders, overdue = {}, {}, now + SOON
  if q.count > 0 then flat = call('ZRANGE', K .. 's:' .. q.key, 0, -1, 'WITHSCORES') end
  for i = 1, #flat, 2 do
    local ends = tonumber(flat[i + 1])
    holders[#holders + 1] = { ends > now and ends or overdue, tonumber(string.match(flat[i], '^(%d+):')) }
  end
  table.sort(holders, function(a, b)
    if a[1] ~= b[1] then return a[1] < b[1] end
    return a[2] < b[2]
  end)
  q.thought = { in_use = q.count, ends = holders }
  return q.thought
end

function Slots.earliest(q, amount, after)
  if amount > q.largest then return NEVER end
  local moment, limit = max(after, q.last_plan), max(q.most, amount)
  local thought = thought_of(q)
  local in_use = thought.in_use
  for _, holder in ipairs(thought.ends) do
    if holder[1] > moment and in_use + amount <= limit then break end
    in_use = in_use - holder[2]
    moment = max(moment, holder[1])
  end
  return moment
end

function Slots.enter(q, id, amount, expected)
  if q.fresh_record then Plans.clear_if_new(q) end
  local key = K .. 's:' .. q.key
  call('ZADD', key, exact(now + expected), format('%d:%s', amount, id))
  call('EXPIRE', key, DAY)
  q.count, q.dirty = q.count + amount, true
  if q.plans == 0 then q.thought = nil end
end

function Slots.book(q, id, amount, expected, was)
  Slots.enter(q, id, amount, expected)
  local named, at, planned
  if q.plans > 0 then named, at, planned = Plans.take(q, id, was) end
  if q.plans == 0 then q.thought = nil end
  return '', not planned or named == amount
end

function Slots.plan(q, id, amount, at, expected)
  local thought = thought_of(q)
  Plans.append(q, amount, at, id)
  q.last_plan = at
  local ends = thought.ends
  while ends[1] and ends[1][1] <= at do
    thought.in_use = thought.in_use - table.remove(ends, 1)[2]
  end
  local place, holder = 1, { at + expected, amount }
  while ends[place] and (ends[place][1] < holder[1] or (ends[place][1] == holder[1] and ends[place][2] <= amount)) do
    place = place + 1
  end
  table.insert(ends, place, holder)
  thought.in_use = thought.in_use + amount
  q.thinks = true
end

function Slots.settle(q, id, held)
  if call('ZREM', K .. 's:' .. q.key, format('%d:%s', held.amount, id)) == 0 then return false end
  q.count, q.dirty = max(0, q.count - held.amount), true
  if q.plans == 0 then q.thought = nil end
  return true
end

function Slots.used(q)
  return q.count
end

function Slots.save_thought(q)
  if q.plans == 0 or not q.thought then return end
  local parts = {}
  for i, holder in ipairs(q.thought.ends) do parts[i] = format('[%.17g,%d]', holder[1], holder[2]) end
  parts[#parts + 1] = format('%d', q.thought.in_use)
  call('SET', K .. 't:' .. q.key, '[' .. concat(parts, ',') .. ']', 'EX', TEN_MINUTES)
end
