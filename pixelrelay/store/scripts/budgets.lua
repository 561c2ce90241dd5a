-- What is spent in a window of hours, days or a month: the twin of BudgetCounter in store/budgets.py.
-- Sums by part of the wall clock: booked, and of that reserved; planned_parts; all before `forgotten` is dropped. The
-- numbers of parts are the same in every epoch, so what was spent is known whatever else was lost.

local PARTS, HOUR, DAY = 60, 3600, 86400

-- Days since 1970 to the year and the month, and back (Hinnant 2013): years begin in March, the leap day ends them.
local function month_of(day)
  local shifted = day + 719468
  local era = floor(shifted / 146097)
  local doe = shifted - era * 146097
  local yoe = floor((doe - floor(doe / 1460) + floor(doe / 36524) - floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + floor(yoe / 4) - floor(yoe / 100))
  local march = floor((5 * doy + 2) / 153)
  return (yoe + era * 400) * 12 + march + 2
end

local function day_of(month)
  local march = (month - 2) % 12
  local year = floor((month - 2) / 12)
  local era = floor(year / 400)
  local yoe = year - era * 400
  local doe = yoe * 365 + floor(yoe / 4) - floor(yoe / 100) + floor((153 * march + 2) / 5)
  return era * 146097 + doe - 719468
end

local CALENDAR = {
  hour = { part = function(wall) return floor(wall / HOUR) end, begin = function(part) return part * HOUR end },
  day = { part = function(wall) return floor(wall / DAY) end, begin = function(part) return part * DAY end },
  month = {
    part = function(wall) return month_of(floor(wall / DAY)) end, begin = function(part) return day_of(part) * DAY end,
  },
}

-- What a span is counted by, as its spec has it: a word of the calendar's, or seconds.
function Budget.clock_of(span)
  if CALENDAR[span] then return { before = 0, part = CALENDAR[span].part, begin = CALENDAR[span].begin } end
  local length = tonumber(span) / PARTS
  return {
    before = PARTS,
    part = function(wall) return floor(wall / length) end,
    begin = function(part) return part * length end,
  }
end

local function part_at(q, moment)
  return q.clock.part(moment + meta.base)
end

local function begin_of(q, part)
  return q.clock.begin(part) - meta.base + INSTANT
end

local function in_window(q, part, sums)
  local first, sum = part - q.clock.before, 0
  for at, amount in pairs(sums) do
    if at >= first and at <= part then sum = sum + amount end
  end
  return sum
end

local function fits(q, amount, moment, foretold)
  local part = part_at(q, moment)
  local taken = in_window(q, part, q.booked)
  if foretold and q.plans > 0 then taken = taken + in_window(q, part, q.planned_parts) end
  return taken + max(1, amount) <= q.limit
end

local function first_room(q, amount, moment, foretold)
  if max(1, amount) > q.limit then return NEVER end
  while not fits(q, amount, moment, foretold) do moment = begin_of(q, part_at(q, moment) + 1) end
  return moment
end

function Budget.has_room(q, amount)
  return fits(q, amount, now, false)
end

function Budget.opens(q, amount, after)
  return first_room(q, amount, after, false)
end

function Budget.earliest(q, amount, after)
  return first_room(q, amount, max(after, q.last_plan), true)
end

local function add(sums, part, amount)
  sums[part] = (sums[part] or 0) + amount
end

-- Count what was reserved, or spent, in a part.
function Budget.enter(q, part, amount, reserved)
  if q.fresh_record then Plans.clear_if_new(q) end
  add(q.booked, part, amount)
  if reserved then add(q.reserved, part, amount) end
  q.dirty = true
end

function Budget.book(q, id, amount, expected, was)
  local part = part_at(q, now)
  local oldest = part - q.clock.before
  for _, sums in ipairs({ q.booked, q.reserved, q.planned_parts }) do
    for at in pairs(sums) do
      if at < oldest then sums[at] = nil end
    end
  end
  q.forgotten = oldest
  Budget.enter(q, part, amount, true)
  local named, at, planned, dropped
  if q.plans > 0 then named, at, planned, dropped = Plans.take(q, id, was) end
  local as_named = false
  if named then
    add(q.planned_parts, part_at(q, at), -named)
    as_named = named == amount and part_at(q, at) == part
  elseif dropped then
    add(q.planned_parts, part_at(q, dropped.at), -dropped.amount)
  end
  return format('%d', part), not planned or as_named
end

function Budget.plan(q, id, amount, at)
  Plans.append(q, amount, at, id)
  q.last_plan = at
  add(q.planned_parts, part_at(q, at), amount)
end

function Budget.settle(q, _, held, used)
  if held.first < q.forgotten then return false end
  add(q.booked, held.first, used - held.amount)
  add(q.reserved, held.first, -held.amount)
  q.dirty = true
  return used < held.amount
end

-- Note as reserved what is counted already.
function Budget.hold(q, part, amount)
  add(q.reserved, part, amount)
  q.dirty = true
end

function Budget.used(q)
  return in_window(q, part_at(q, now), q.booked)
end

-- As the reply tells it: used, reserved, and seconds until some of that counts no more.
function Budget.state(q)
  local part = part_at(q, now)
  local used, oldest = in_window(q, part, q.booked), part
  if used == 0 then return format('[%d,%d]', used, in_window(q, part, q.reserved)) end
  for at, amount in pairs(q.booked) do
    if amount ~= 0 and at >= part - q.clock.before and at < oldest then oldest = at end
  end
  local frees = max(0, begin_of(q, oldest + q.clock.before + 1) - now)
  return format('[%d,%d,%.6f]', used, in_window(q, part, q.reserved), frees)
end

-- Seconds for which anything of it counts yet, and a minute more.
function Budget.lasts(q)
  return ceil(begin_of(q, part_at(q, now) + q.clock.before + 1) - now) + 60
end

-- What a process has seen used, some seconds ago, when the state that it has lost sight of had not been lost. All tell
-- what they saw of one and the same, so that the most of it counts, and what was told before counts once.
function Budget.recall(q, used, age)
  local known, part = q.recalled or 0, part_at(q, now - age)
  if used <= known or part < part_at(q, now) - q.clock.before then return end
  Budget.enter(q, part, used - known, false)
  q.recalled = used
end
