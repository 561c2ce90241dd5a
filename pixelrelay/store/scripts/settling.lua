-- How an attempt ended, and what quotas and health learn from it: the twin of MemoryStore.settle.
-- A report: verdict, used (by unit), cooldown, grows, rejected (units, or nil), seen ({unit, limit} each), spread,
-- first (seconds of the first cooldown, or nil).

-- What is held under `id`, and stays so: deployment, claims; `nil` if nothing is.
function Settling.held(id)
  local owner = owner_of(id)
  local text = owner and call('HGET', K .. 'h:' .. owner, id)
  if not text or string.sub(text, 1, 1) ~= '{' then return nil end
  local r = cjson.decode(text)
  local held = { id = id, deployment = r.d, index = r.i, probe = r.p, claims = {} }
  for i, c in ipairs(r.c) do
    held.claims[i] = {
      key = c[1], amount = c[2], version = c[3], at = c[4], number = c[5], first = c[5], last = c[6],
    }
  end
  return held
end

-- Let go of what is held: its bookings stay.
local function release(held)
  call('HDEL', K .. 'h:' .. owner_of(held.id), held.id)
  local d = Records.deployment(held.deployment)
  d.in_flight, d.dirty = max(0, d.in_flight - 1), true
end

-- Replace what a claim booked by what it used. Whether that made room at once.
local function give_back(q, id, claim, used)
  return claim.version == q.version and q.counter.settle(q, id, claim, used)
end

local function contains(list, value)
  for _, each in ipairs(list) do
    if each == value then return true end
  end
  return false
end

-- Whether a 429 is about `q`: the units it names, or else every rate, or the slots where they are all.
local function speaks_of(rejected, q, counted)
  if #rejected > 0 then return contains(rejected, q.unit) end
  local rates = false
  for _, each in ipairs(counted) do rates = rates or (each.q.unit ~= 'concurrent' and not each.q.ours) end
  return (q.unit ~= 'concurrent') == rates
end

local function state_seen(q, seen)
  for _, each in ipairs(seen) do
    if each[1] == q.unit and q.unit ~= 'concurrent' then
      local limit = q.unit == 'megapixels' and each[2] * 1000000 or each[2]
      if limit > 0 then q.seen = limit end
    end
  end
end

-- Whether there is anything to learn: not from a success where nothing had been learned before.
local function teaches(q, report)
  return report.rejected or report.seen or q.slots or q.step > 0 or q.factor < 1
end

local function learn_from(q, report, counted, amount)
  if report.rejected and speaks_of(report.rejected, q, counted) then
    Learning.rejected(q)
    q.cooling = max(q.cooling, now + report.cooldown)
    return true
  end
  if report.verdict == 'well' then Learning.succeeded(q, amount) end
  return false
end

-- Let the quotas learn. Whether that changed what is admitted.
local function learn(held, report, counted, changes)
  local changed = false
  for _, each in ipairs(counted) do
    local q = each.q
    if not q.ours and teaches(q, report) then
      local before, most = Learning.signature(q), q.most
      state_seen(q, report.seen or {})
      changed = learn_from(q, report, counted, each.claim.amount) or changed
      Rules.apply(q)
      q.dirty = true
      changed = changed or Learning.signature(q) ~= before
      if q.most ~= most then
        changes[#changes + 1] = format(
          '{"deployment":%s,"quota":%s,"limit":%d,"learned":%d}',
          cjson.encode(held.deployment), cjson.encode(q.key), q.limit, q.most
        )
      end
    end
  end
  return changed
end

-- Let the deployment's health learn; `told` where a cooldown is its own and not its quotas'. Whether that changed when
-- it may be asked.
local function judge(held, report, told, changes)
  local d = Records.deployment(held.deployment)
  local probation, free_at, probe = Health.probation(d), Health.free_at(d), d.probe
  if told and report.cooldown > 0 then
    Health.told(d, held.id, report.cooldown, report.grows, asked.health)
  else
    Health.judged(d, report.verdict, held.id, asked.health, report.spread or 1, report.first)
  end
  d.dirty = true
  if Health.probation(d) ~= probation or Health.free_at(d) ~= free_at then
    changes[#changes + 1] = format(
      '{"deployment":%s,"probation":"%s","cooling":%.6f}',
      cjson.encode(held.deployment), Health.probation(d), Health.free_at(d) - now
    )
    return true
  end
  return d.probe ~= probe
end

-- Settle what is held; what it changed beyond its own reservation is added to `changes`.
function Settling.settle(held, report, changes)
  release(held)
  local counted, of_account = {}, false
  for _, claim in ipairs(held.claims) do
    local q = Records.counted(claim.key)
    if q then counted[#counted + 1] = { q = q, claim = claim } end
    of_account = of_account or not (q and q.ours)
  end
  -- What taught is learned before what was held is given back: the in-flight count at a 429 includes its own.
  local changed = learn(held, report, counted, changes)
  for _, each in ipairs(counted) do
    local q, claim = each.q, each.claim
    local told = report.used
    if q.ours then told = report.ours end
    local used = told and known(told[q.unit]) or claim.amount
    if used ~= claim.amount or q.unit == 'concurrent' or q.span then
      changed = give_back(q, held.id, claim, used) or changed
    end
  end
  changed = judge(held, report, not report.rejected or not of_account, changes) or changed
  if changed then Line.made_room() end
end

local SILENT = { verdict = 'silent', cooldown = 0 }
local NOTHING = { requests = 0, images = 0, megapixels = 0, concurrent = 0, dollars = 0 }
local UNDONE = { verdict = 'silent', cooldown = 0, used = NOTHING, ours = NOTHING }

-- Give back a place, or what is held; `ended`: what it used of rates stays used.
function Settling.free(id, ended, changes)
  local owner = owner_of(id)
  local text = owner and call('HGET', K .. 'h:' .. owner, id)
  if not text then return end
  if string.sub(text, 1, 1) == 'w' then
    Line.leave(Places.place(id, text))
  else
    Settling.settle(Settling.held(id), ended and SILENT or UNDONE, changes or {})
  end
end

-- What was held when its process last spoke is over, and used what `claims` say, and nothing of what they leave out.
function Settling.over(id, claims)
  local held, amounts = Settling.held(id), {}
  if not held then return end
  for _, claim in ipairs(claims) do amounts[claim[1]] = claim[3] end
  local report = { verdict = 'silent', cooldown = 0, used = {}, ours = {} }
  for _, claim in ipairs(held.claims) do
    local q = Records.counted(claim.key)
    if q then report[q.ours and 'ours' or 'used'][q.unit] = amounts[claim.key] or 0 end
  end
  Settling.settle(held, report, {})
end
