-- A rate of some kind: the twin of RateCounter in store/counters.py.
-- Its log is a sorted set of `number:amount:id` by moment: count, odd (how many are not of amount 1), sum, first_at (or
-- earlier), last_at, last_amount and number (of the next) stand in the record, so that most questions need no more than
-- that. Where all amounts are 1, the moment at which enough have left is found by its place; else the log is read.

local call, format, max, ceil = redis.call, string.format, math.max, math.ceil
local NEVER, LONG_AGO, INSTANT = Common.NEVER, Common.LONG_AGO, Common.INSTANT
local exact = Common.exact

local function entry(number, amount, id)
  return format('%012d:%d:%s', number, amount, id)
end

local function amount_of(member)
  return tonumber(string.match(member, '^%d+:(%d+):'))
end

local ASKED_SINGLY = 4 -- times in one step before the whole log is read instead

local function whole_log(q)
  if not q.at then
    local at, sums, sum = {}, {}, 0
    local flat = call('ZRANGE', K .. 'l:' .. q.key, 0, -1, 'WITHSCORES')
    for i = 1, #flat, 2 do
      sum = sum + amount_of(flat[i])
      at[#at + 1], sums[#sums + 1] = tonumber(flat[i + 1]), sum
    end
    q.at, q.sums = at, sums
  end
  return q.at, q.sums
end

-- When that entry was booked, or is planned, with which the sum of all reaches `sum`.
local function entered_at(q, sum)
  if sum > q.sum then return Plans.at(q, sum - q.sum) end
  q.asked = (q.asked or 0) + 1
  if q.odd == 0 and not q.at and q.asked <= ASKED_SINGLY then
    local found = call('ZRANGE', K .. 'l:' .. q.key, sum - 1, sum - 1, 'WITHSCORES')
    return found[2] and tonumber(found[2]) or LONG_AGO
  end
  local at, sums = whole_log(q)
  return at[Plans.bisect(sums, sum)] or LONG_AGO
end

local function fits_at(q, amount, after, foretold)
  if amount > q.largest then return NEVER end
  local total, last_at, last_amount = q.sum, q.last_at, q.last_amount
  if foretold and q.plans > 0 then
    total, last_at, last_amount = total + q.plan_sum, q.plan_at, q.plan_amount
  elseif q.count == 0 then
    return after
  end
  local moment = max(after, last_at)
  local must_leave = total + amount - max(q.most, amount)
  if must_leave > 0 then moment = max(moment, entered_at(q, must_leave) + q.longest) end
  if q.slice then
    must_leave = total + amount - max(q.slice, amount)
    if must_leave > 0 then moment = max(moment, entered_at(q, must_leave) + (Rules.SLICE + q.guard)) end
  end
  if q.spacing > 0 then moment = max(moment, last_at + last_amount * q.spacing) end
  return moment
end

function Rate.has_room(q, amount)
  return fits_at(q, amount, now, false) <= now + INSTANT
end

function Rate.opens(q, amount, after)
  return fits_at(q, amount, after, false)
end

function Rate.earliest(q, amount, after)
  return fits_at(q, amount, after, true)
end

local function trim(q, cut)
  if q.count == 0 or q.first_at > cut then return end
  local key, last = K .. 'l:' .. q.key, exact(cut)
  if q.odd == 0 then
    local gone = call('ZREMRANGEBYSCORE', key, '-inf', last)
    q.count, q.sum = q.count - gone, q.sum - gone
  else
    for _, member in ipairs(call('ZRANGEBYSCORE', key, '-inf', last)) do
      local amount = amount_of(member)
      q.count, q.sum = q.count - 1, q.sum - amount
      if amount ~= 1 then q.odd = q.odd - 1 end
    end
    call('ZREMRANGEBYSCORE', key, '-inf', last)
  end
  q.at = nil
  local first = call('ZRANGE', key, 0, 0, 'WITHSCORES')
  q.first_at = first[2] and tonumber(first[2]) or now
end

-- Write an entry into the log, wherever it belongs.
function Rate.enter(q, id, amount, at)
  local key, number = K .. 'l:' .. q.key, q.number
  if q.fresh_record then Plans.clear_if_new(q) end
  if q.swept then
    call('DEL', key)
    q.swept = nil
  end
  call('ZADD', key, exact(at), entry(number, amount, id))
  call('EXPIRE', key, ceil(3 * q.longest))
  q.number = number + 1
  if q.count == 0 or at < q.first_at then q.first_at = at end
  if q.count == 0 or at >= q.last_at then
    if q.at then q.at[#q.at + 1], q.sums[#q.sums + 1] = at, q.sum + amount end
    q.last_at, q.last_amount = at, amount
  else
    q.at = nil
  end
  q.count, q.sum = q.count + 1, q.sum + amount
  if amount ~= 1 then q.odd = q.odd + 1 end
  q.dirty = true
  return number
end

-- What has to be known to settle it; and whether the forecast still holds.
function Rate.book(q, id, amount, expected, was)
  local named, at, planned
  if q.plans > 0 then named, at, planned = Plans.take(q, id, was) end
  local number = Rate.enter(q, id, amount, now)
  trim(q, now - q.longest)
  return format('%d', number), not planned or named == amount
end

function Rate.plan(q, id, amount, at)
  Plans.append(q, amount, at, id)
end

-- Replace an entry's amount: nothing if it is not there.
function Rate.replace(q, number, id, amount, at, used)
  local key = K .. 'l:' .. q.key
  if q.swept or call('ZREM', key, entry(number, amount, id)) == 0 then return false end
  if used > 0 then
    call('ZADD', key, exact(at), entry(number, used, id))
  else
    q.count = q.count - 1
  end
  q.sum = q.sum + used - amount
  if amount ~= 1 then q.odd = q.odd - 1 end
  if used > 1 then q.odd = q.odd + 1 end
  if at >= q.last_at and q.count > 0 then
    local last = call('ZRANGE', key, -1, -1, 'WITHSCORES')
    q.last_amount, q.last_at = amount_of(last[1]), tonumber(last[2])
  end
  q.at, q.dirty = nil, true
  return true
end

function Rate.settle(q, id, held, used)
  if Rate.replace(q, held.number, id, held.amount, held.at, used) then return used < held.amount end
  -- It has left the window; the memory store keeps such as were the last to be booked, and so does this one say.
  return q.count == 0 and held.at > q.last_at - q.longest and used < held.amount
end

function Rate.used(q)
  local cut = now - q.longest
  if q.count == 0 or q.last_at <= cut then return 0 end
  if q.first_at > cut then return q.sum end
  local key = K .. 'l:' .. q.key
  if q.odd == 0 then return call('ZCOUNT', key, '(' .. exact(cut), '+inf') end
  local used = q.sum
  for _, member in ipairs(call('ZRANGEBYSCORE', key, '-inf', exact(cut))) do
    used = used - amount_of(member)
  end
  return used
end
