-- A rate's log, where a record does not tell enough of it: what time will bring, and what is settled otherwise than it
-- was booked. Further functions of the same part as rates.lua.

local ASKED_SINGLY = 4 -- times in one step before the whole log is read instead

local function amount_of(member)
  return tonumber(string.match(member, '^%d+:(%d+):'))
end

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

-- Drop what was booked until then.
function Rate.trim(q, cut)
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

-- When that entry was booked, or is planned, with which the sum of all reaches `sum`.
function Rate.entered_at(q, sum)
  if sum > q.sum then return Plans.at(q, sum - q.sum) end
  q.asked = (q.asked or 0) + 1
  if q.odd == 0 and not q.at and q.asked <= ASKED_SINGLY then
    local found = call('ZRANGE', K .. 'l:' .. q.key, sum - 1, sum - 1, 'WITHSCORES')
    return found[2] and tonumber(found[2]) or LONG_AGO
  end
  local at, sums = whole_log(q)
  return at[Plans.bisect(sums, sum)] or LONG_AGO
end

function Rate.opens(q, amount, after)
  return Rate.fits_at(q, amount, after, false)
end

function Rate.earliest(q, amount, after)
  return Rate.fits_at(q, amount, after, true)
end

function Rate.plan(q, id, amount, at)
  Plans.append(q, amount, at, id)
end

-- Replace an entry's amount: nothing if it is not there.
function Rate.replace(q, number, id, amount, at, used)
  local key = K .. 'l:' .. q.key
  if q.swept or call('ZREM', key, Rate.entry(number, amount, id)) == 0 then return false end
  if used > 0 then
    call('ZADD', key, exact(at), Rate.entry(number, used, id))
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

-- What was booked after that moment.
function Rate.used_since(q, cut)
  local key = K .. 'l:' .. q.key
  if q.odd == 0 then return call('ZCOUNT', key, '(' .. exact(cut), '+inf') end
  local used = q.sum
  for _, member in ipairs(call('ZRANGEBYSCORE', key, '-inf', exact(cut))) do
    used = used - amount_of(member)
  end
  return used
end
