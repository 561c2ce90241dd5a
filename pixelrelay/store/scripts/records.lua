-- What is kept of every quota and deployment: read when it is first needed, many at a time where it is known which, and
-- written once at the end of the step. What is as it begins is neither written nor read, but found in the metatable.

local quotas, deployments = {}, {}
Records.quotas = quotas

-- A quota `q`. `key`, `spec`, `counter`; `version`, that changes when it is counted in another way; `cooling`: until when.
-- What it has learned: see rules.lua. What is booked: see rates.lua, minutes.lua, slots.lua and budgets.lua. What is
-- planned: see plans.lua. `phantom`: see phantoms.lua.
local NEW = {
  version = 0, cooling = LONG_AGO, count = 0, clean = 0, step = 0, factor = 1, needed = Rules.CLEAN_RUN,
  stepped = LONG_AGO, odd = 0, sum = 0, first_at = 0, last_at = LONG_AGO, last_amount = 0, number = 0, forgotten = 0,
  ours = false, plans = 0, plan_sum = 0, plan_odd = 0, plan_at = 0, plan_amount = 0, last_plan = LONG_AGO,
}

local specs = {}

-- A spec is the text `unit|limit|shape|counts_rejected|guard`, and of a limit of our own `|ours` behind it, or the span
-- of a budget. What follows from it is found through the metatable.
function Records.spec_of(text)
  local spec = specs[text]
  if not spec then
    local unit, limit, shape, guard, span = string.match(text, '^(%a+)|(%d+)|(%a+)|%d|([^|]*)|?(.*)$')
    local counter = unit == 'concurrent' and Slots or shape == 'fixed' and Fixed or Rate
    local values = { unit = unit, limit = tonumber(limit), shape = shape, guard = tonumber(guard), counter = counter }
    if span ~= '' then
      values.ours = true
      if span ~= 'ours' then values.counter, values.span, values.clock = Budget, span, Budget.clock_of(span) end
    end
    spec = { __index = setmetatable(values, { __index = NEW }) }
    specs[text] = spec
  end
  return spec
end

local function quota_text(q)
  local text = format('{"tag":"%s","spec":"%s"', meta.tag, q.spec)
  if q.counter == Rate then
    text = text .. format(
      ',"count":%d,"odd":%d,"sum":%d,"first_at":%.17g,"last_at":%.17g,"last_amount":%d,"number":%d',
      q.count, q.odd, q.sum, q.first_at, q.last_at, q.last_amount, q.number
    )
  elseif q.counter == Slots then
    text = text .. format(',"count":%d', q.count)
  elseif q.counter == Budget then
    text = text .. format(
      ',"booked":%s,"reserved":%s,"planned_parts":%s,"forgotten":%d',
      Records.flat(q.booked), Records.flat(q.reserved), Records.flat(q.plans > 0 and q.planned_parts), q.forgotten
    )
    if q.recalled then text = text .. format(',"recalled":%d', q.recalled) end
  else
    text = text .. format(',"minutes":%s,"forgotten":%d', Records.flat(q.minutes), q.forgotten)
  end
  if q.version > 0 then text = text .. format(',"version":%d', q.version) end
  if q.cooling ~= LONG_AGO then text = text .. format(',"cooling":%.17g', q.cooling) end
  if q.slots then text = text .. format(',"slots":%d', q.slots) end
  if q.seen then text = text .. format(',"seen":%d', q.seen) end
  if q.clean > 0 then text = text .. format(',"clean":%d', q.clean) end
  if q.stepped ~= LONG_AGO then
    text = text .. format(
      ',"step":%d,"factor":%.17g,"needed":%d,"stepped":%.17g', q.step, q.factor, q.needed, q.stepped
    )
  end
  if q.last_plan ~= LONG_AGO then text = text .. format(',"last_plan":%.17g', q.last_plan) end
  if q.plans > 0 then
    text = text .. format(
      ',"plans":%d,"plan_sum":%d,"plan_odd":%d,"plan_at":%.17g,"plan_amount":%d,"planned_minutes":%s',
      q.plans, q.plan_sum, q.plan_odd, q.plan_at, q.plan_amount, Records.flat(q.planned_minutes)
    )
  end
  local p = q.phantom
  if p then
    text = text .. format(
      ',"phantom":{"seen":%d,"restored":%d,"amount":%d,"number":%d,"at":%.17g,"ends":%.17g}',
      p.seen, p.restored, p.amount, p.number, p.at, p.ends
    )
  end
  return text .. '}'
end

function Records.made(key, spec)
  local q = setmetatable({ key = key, spec = spec, fresh_record = true }, Records.spec_of(spec))
  if q.counter == Fixed then q.minutes, q.planned_minutes = {}, {} end
  if q.counter == Budget then q.booked, q.reserved, q.planned_parts = {}, {}, {} end
  Rules.apply(q)
  return q
end

local function read_quota(key, text)
  local q = cjson.decode(text)
  if q.tag ~= meta.tag then return Records.carried_over(key, q) end
  setmetatable(q, Records.spec_of(q.spec))
  q.key = key
  local counter = q.counter
  if counter == Budget then
    q.booked, q.reserved, q.planned_parts = Records.unflat(q.booked), Records.unflat(q.reserved), Records.unflat(q.planned_parts)
  end
  if counter == Fixed then q.minutes, q.planned_minutes = Records.unflat(q.minutes), Records.unflat(q.planned_minutes) end
  Rules.apply(q)
  if counter == Rate and q.count > 0 and q.last_at < now - 2 * q.longest then -- its log may have expired
    q.count, q.odd, q.sum, q.swept = 0, 0, 0, true
  end
  return q
end

-- A deployment `d`: see health.lua.
local NEW_DEPLOYMENT = { __index = { in_flight = 0, outcomes = '', relapses = 0, told = LONG_AGO } }

local function read_deployment(text)
  local d = text and cjson.decode(text)
  if not d or d.tag ~= meta.tag then d = {} end
  return setmetatable(d, NEW_DEPLOYMENT)
end

local function deployment_text(d)
  local text = format('{"tag":"%s","in_flight":%d,"outcomes":"%s"', meta.tag, d.in_flight, d.outcomes)
  if d.relapses ~= 0 then text = text .. format(',"relapses":%d', d.relapses) end
  if d.told ~= LONG_AGO then text = text .. format(',"told":%.17g', d.told) end
  if d.ill then text = text .. format(',"ill":%.17g', d.ill) end
  if d.probe then text = text .. ',"probe":' .. cjson.encode(d.probe) end
  return text .. '}'
end

-- Read, in one go, all that the offers speak of. An offer: d (deployment), claims ({key, spec, amount} each).
function Records.fetch(offers)
  local keys, names, specs_of = {}, {}, {} -- a name without a spec is a deployment's
  for i = 1, #offers do
    local offer = offers[i]
    local name, claims = offer.d, offer.claims
    if not deployments[name] then
      local n = #keys + 1
      deployments[name], keys[n], names[n] = true, K .. 'd:' .. name, name
    end
    for j = 1, #claims do
      local key = claims[j][1]
      if not quotas[key] then
        local n = #keys + 1
        quotas[key], keys[n], names[n], specs_of[n] = true, K .. 'q:' .. key, key, claims[j][2]
      end
    end
  end
  for first = 1, #keys, 2000 do
    local texts = call('MGET', unpack(keys, first, min(first + 1999, #keys)))
    for i = 1, #texts do
      local text, n = texts[i], first + i - 1
      local name, spec = names[n], specs_of[n]
      if spec then
        quotas[name] = text and read_quota(name, text) or Records.made(name, spec)
      else
        deployments[name] = read_deployment(text)
      end
    end
  end
end

function Records.quota(claim)
  local q = quotas[claim[1]]
  if not q then
    local text = call('GET', K .. 'q:' .. claim[1])
    q = text and read_quota(claim[1], text) or Records.made(claim[1], claim[2])
    quotas[claim[1]] = q
  end
  return q
end

-- A quota that is known to have been counted; `nil` if it has been forgotten since.
function Records.counted(key)
  local q = quotas[key]
  if not q then
    local text = call('GET', K .. 'q:' .. key)
    q = text and read_quota(key, text) or nil
    quotas[key] = q
  end
  return q
end

function Records.deployment(name)
  local d = deployments[name]
  if not d then
    d = read_deployment(call('GET', K .. 'd:' .. name))
    deployments[name] = d
  end
  return d
end

function Records.save()
  for key, q in pairs(quotas) do
    if q.dirty then
      if q.fresh_record then Plans.clear(key) end
      if q.swept then call('DEL', K .. 'l:' .. key) end
      call('SET', K .. 'q:' .. key, quota_text(q), 'EX', q.counter == Budget and Budget.lasts(q) or DAY)
      if q.thinks then Slots.save_thought(q) end
    end
  end
  for name, d in pairs(deployments) do
    if d.dirty then call('SET', K .. 'd:' .. name, deployment_text(d), 'EX', DAY) end
  end
end

-- What was looked at last is what is configured.
function Records.specify(offer)
  local claims = offer.claims
  for j = 1, #claims do
    local q, spec = quotas[claims[j][1]], claims[j][2]
    if q.spec ~= spec then Records.respecify(q, spec) end
    if q.fresh_record then q.dirty = true end -- so that another spec is known to be another
  end
end
