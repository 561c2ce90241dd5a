-- A rate of some kind: the twin of RateCounter in store/counters.py.
-- Its log is a sorted set of `number:amount:id` by moment: count, odd (how many are not of amount 1), sum, first_at (or
-- earlier), last_at, last_amount and number (of the next) stand in the record, so that most questions need no more than
-- that. Where all amounts are 1, the moment at which enough have left is found by its place; else the log is read: see
-- log.lua, which has the rest of this part.

function Rate.entry(number, amount, id)
  return format('%012d:%d:%s', number, amount, id)
end

function Rate.fits_at(q, amount, after, foretold)
  if amount > q.largest then return NEVER end
  local total, last_at, last_amount = q.sum, q.last_at, q.last_amount
  if foretold and q.plans > 0 then
    total, last_at, last_amount = total + q.plan_sum, q.plan_at, q.plan_amount
  elseif q.count == 0 then
    return after
  end
  local moment = max(after, last_at)
  local must_leave = total + amount - max(q.most, amount)
  if must_leave > 0 then moment = max(moment, Rate.entered_at(q, must_leave) + q.longest) end
  if q.slice then
    must_leave = total + amount - max(q.slice, amount)
    if must_leave > 0 then moment = max(moment, Rate.entered_at(q, must_leave) + (Rules.SLICE + q.guard)) end
  end
  if q.spacing > 0 then moment = max(moment, last_at + last_amount * q.spacing) end
  return moment
end

function Rate.has_room(q, amount)
  return Rate.fits_at(q, amount, now, false) <= now + INSTANT
end

-- Write an entry into the log, wherever it belongs.
function Rate.enter(q, id, amount, at)
  local key, number = K .. 'l:' .. q.key, q.number
  if q.fresh_record then Plans.clear_if_new(q) end
  if q.swept then
    call('DEL', key)
    q.swept = nil
  end
  call('ZADD', key, exact(at), Rate.entry(number, amount, id))
  if q.count == 0 or floor(now / q.longest) ~= floor(q.last_at / q.longest) then
    call('EXPIRE', key, ceil(3 * q.longest)) -- so that it has two windows more, whenever it was written to last
  end
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
  local cut = now - q.longest
  if q.count > 0 and q.first_at <= cut then Rate.trim(q, cut) end
  return format('%d', number), not planned or named == amount
end

function Rate.used(q)
  local cut = now - q.longest
  if q.count == 0 or q.last_at <= cut then return 0 end
  if q.first_at > cut then return q.sum end
  return Rate.used_since(q, cut)
end
