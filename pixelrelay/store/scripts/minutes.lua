-- A limit that is counted anew at each full minute: the twin of FixedCounter in store/counters.py.
-- Sums by minute of the wall clock: minutes (booked) and planned_minutes, and all before `forgotten` is dropped.

local function minutes_at(q, moment)
  local wall = moment + meta.base
  local first, last = floor((wall - q.guard) / WINDOW), floor((wall + q.guard) / WINDOW)
  return first, last
end
Fixed.minutes_at = minutes_at

local function add(sums, first, last, amount)
  for minute = first, last do sums[minute] = (sums[minute] or 0) + amount end
end
Fixed.add = add

local function fits_in(q, amount, moment, foretold)
  local first, last = minutes_at(q, moment)
  for minute = first, last do
    local taken = q.minutes[minute] or 0
    if foretold then taken = taken + (q.planned_minutes[minute] or 0) end
    if taken + amount > max(q.most, amount) then return false end
  end
  return true
end

local function first_room(q, amount, moment, foretold)
  if amount > q.largest then return NEVER end
  while not fits_in(q, amount, moment, foretold) do
    local into = (moment + meta.base) % WINDOW
    moment = moment + ((into >= q.guard and WINDOW or 0) + q.guard - into + INSTANT)
  end
  return moment
end

function Fixed.has_room(q, amount)
  return amount <= q.largest and fits_in(q, amount, now, false)
end

function Fixed.opens(q, amount, after)
  return first_room(q, amount, after, false)
end

function Fixed.earliest(q, amount, after)
  return first_room(q, amount, max(after, q.last_plan), true)
end

function Fixed.book(q, id, amount, expected, was)
  local first, last = minutes_at(q, now)
  for _, sums in ipairs({ q.minutes, q.planned_minutes }) do
    for minute in pairs(sums) do
      if minute < first - 1 then sums[minute] = nil end
    end
  end
  q.forgotten = first - 1
  add(q.minutes, first, last, amount)
  q.dirty = true
  local named, at, planned, dropped
  if q.plans > 0 then named, at, planned, dropped = Plans.take(q, id, was) end
  local as_named = false
  if named then
    local from, to = minutes_at(q, at)
    add(q.planned_minutes, from, to, -named)
    as_named = named == amount and from == first and to == last
  elseif dropped then
    local from, to = minutes_at(q, dropped.at)
    add(q.planned_minutes, from, to, -dropped.amount)
  end
  return format('%d,%d', first, last), not planned or as_named
end

function Fixed.plan(q, id, amount, at)
  Plans.append(q, amount, at, id)
  q.last_plan = at
  local first, last = minutes_at(q, at)
  add(q.planned_minutes, first, last, amount)
end

function Fixed.settle(q, _, held, used)
  if held.last < q.forgotten then return false end
  add(q.minutes, held.first, held.last, used - held.amount)
  q.dirty = true
  return used < held.amount
end

function Fixed.used(q, moment)
  return q.minutes[floor(((moment or now) + meta.base) / WINDOW)] or 0
end
