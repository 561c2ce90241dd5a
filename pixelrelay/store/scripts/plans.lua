-- The forecast of one quota: who is thought to take how much of it, and when. Kept in a list, first to come first, of
-- `amount:at:id`; how many, their sum, and the last of them stand in the quota's record.

-- What an older record under the same name has left lying about.
local function clear(key)
  call('DEL', K .. 'l:' .. key, K .. 's:' .. key, K .. 'p:' .. key, K .. 't:' .. key)
end

local function clear_if_new(q)
  if q.fresh_record then
    clear(q.key)
    q.fresh_record = nil
  end
end
Plans.clear, Plans.clear_if_new = clear, clear_if_new

local function plan_text(amount, at, id)
  return format('%d:%.17g:%s', amount, at, id)
end

local function read_plan(text)
  local amount, at, id = string.match(text, '^(%d+):([^:]+):(.*)$')
  return tonumber(amount), tonumber(at), id
end

-- What was planned is written when all is planned.
local to_write = {}

function Plans.append(q, amount, at, id)
  clear_if_new(q)
  if not q.fresh then
    q.fresh = {}
    to_write[#to_write + 1] = q
  end
  q.fresh[#q.fresh + 1] = plan_text(amount, at, id)
  if q.plan or q.plans == 0 then
    local plan = q.plans > 0 and q.plan or { at = {}, sum = {} }
    plan.at[#plan.at + 1] = at
    plan.sum[#plan.sum + 1] = (plan.sum[#plan.sum] or 0) + amount
    q.plan = plan
  end
  q.plans, q.plan_sum = q.plans + 1, q.plan_sum + amount
  if amount ~= 1 then q.plan_odd = q.plan_odd + 1 end
  q.plan_at, q.plan_amount = at, amount
  q.dirty = true
end

function Plans.write()
  for _, q in ipairs(to_write) do
    local key = K .. 'p:' .. q.key
    Common.chunks(q.fresh, 1000, function(...) call('RPUSH', key, ...) end)
    call('EXPIRE', key, TEN_MINUTES)
    call('SADD', K .. 'planned', q.key)
    call('EXPIRE', K .. 'planned', TEN_MINUTES)
    q.fresh = nil
  end
  to_write = {}
end

-- The moments, and the sums of all amounts up to and with each.
local function whole_plan(q)
  if not q.plan then
    local plan, sum = { at = {}, sum = {} }, 0
    for i, text in ipairs(call('LRANGE', K .. 'p:' .. q.key, 0, -1)) do
      local amount, at = read_plan(text)
      sum = sum + amount
      plan.at[i], plan.sum[i] = at, sum
    end
    q.plan = plan
  end
  return q.plan
end

-- The first index at which `sums` reaches `sum`.
local function bisect(sums, sum)
  local low, high = 1, #sums + 1
  while low < high do
    local middle = floor((low + high) / 2)
    if sums[middle] < sum then low = middle + 1 else high = middle end
  end
  return low
end
Plans.bisect = bisect

-- When the planned entry is taken with which the sum of all planned reaches `sum`.
function Plans.at(q, sum)
  if q.plan_odd == 0 and not q.plan then
    local text = call('LINDEX', K .. 'p:' .. q.key, sum - 1)
    if not text then return LONG_AGO end
    local _, at = read_plan(text)
    return at
  end
  local plan = whole_plan(q)
  return plan.at[bisect(plan.sum, sum)] or LONG_AGO
end

local function removed(q, amount)
  q.plans, q.plan_sum, q.plan = q.plans - 1, q.plan_sum - amount, nil
  if amount ~= 1 then q.plan_odd = q.plan_odd - 1 end
  q.dirty = true
end

-- Drop `id` from the plan, being served: the amount that the plan named and when, if it named `id` next; whether
-- anything was planned; and what was dropped from further behind. `was` is what `id` is known to have planned.
function Plans.take(q, id, was)
  if q.plans == 0 then return nil, nil, false end
  local key = K .. 'p:' .. q.key
  local text = call('LINDEX', key, 0)
  if not text then -- it has expired
    q.plans, q.plan_sum, q.plan_odd, q.plan, q.dirty = 0, 0, 0, nil, true
    return nil, nil, false
  end
  local amount, at, first = read_plan(text)
  if first == id then
    call('LPOP', key)
    removed(q, amount)
    return amount, at, true
  end
  local dropped
  if was and call('LREM', key, 1, plan_text(was.amount, was.at, id)) == 1 then
    dropped = was
    removed(q, was.amount)
    if q.plans > 0 then
      local last = call('LINDEX', key, -1)
      if last then q.plan_amount, q.plan_at = read_plan(last) end
    end
  end
  return nil, nil, true, dropped
end

function Plans.forget(q)
  call('DEL', K .. 'p:' .. q.key, K .. 't:' .. q.key)
  q.plans, q.plan_sum, q.plan_odd, q.plan, q.thought = 0, 0, 0, nil, nil
  q.plan_at, q.plan_amount, q.last_plan, q.planned_minutes = 0, 0, LONG_AGO, {}
  if q.span then q.planned_parts = {} end
  q.dirty = true
end
