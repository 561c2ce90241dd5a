-- What of records is seldom needed: sums by time, another epoch, another configuration. Further functions of the same
-- part as records.lua.

function Records.flat(sums)
  local parts = {}
  for minute, sum in pairs(sums or {}) do
    if sum ~= 0 then parts[#parts + 1] = format('%d,%d', minute, sum) end
  end
  return '[' .. concat(parts, ',') .. ']'
end

function Records.unflat(list)
  local sums = {}
  for i = 1, #(list or {}), 2 do sums[list[i]] = list[i + 1] end
  return sums
end

-- Of a budget, what was spent in an older epoch is known; who had reserved it is not.
function Records.carried_over(key, q)
  local kept = Records.made(key, q.spec)
  if kept.counter ~= Budget then return nil end
  kept.booked, kept.version, kept.forgotten = Records.unflat(q.booked), q.version, q.forgotten
  kept.recalled = Budget.used(kept)
  return kept
end

-- A configuration was loaded anew: the limits change, what has been counted stays.
function Records.respecify(q, spec)
  local key, before, span, used = q.key, q.counter, q.span, q.counter.used(q)
  if before == Fixed then used = used + Fixed.used(q, now - WINDOW) end
  q.spec = spec
  setmetatable(q, Records.spec_of(spec))
  local anew = q.counter ~= before or q.span ~= span
  if anew then
    -- The two kinds keep different books, so what one has counted is carried over as if it were booked now.
    local version, cooling, draws = q.version + 1, q.cooling, q.deployments
    Plans.clear(key)
    for name in pairs(q) do q[name] = nil end
    for name, value in pairs(Records.made(key, spec)) do q[name] = value end
    q.version, q.cooling, q.deployments = version, cooling, draws
  end
  Rules.apply(q)
  q.dirty = true
  meta.upset = '1'
  if anew and q.counter == Budget then
    Budget.book(q, '', 0, 0)
    Budget.enter(q, q.clock.part(now + meta.base), used, false)
  elseif anew and used > 0 then
    q.counter.book(q, '', used, 0)
  end
end
