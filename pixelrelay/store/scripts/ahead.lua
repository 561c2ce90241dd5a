-- What time will bring: when offers have room, and the forecast. The twin of what store/books.py says of the future.

-- The quotas that have too little room for the offer, though they may have some.
function Ahead.short(offer, found)
  for _, claim in ipairs(offer.claims) do
    if claim[3] > 1 and not Books.quota_has_room(Records.quota(claim), claim[3]) then found[claim[1]] = true end
  end
end

-- Where every offer is ill, which of the timely to probe before its time.
function Ahead.panic(offers, timely)
  if #timely == 0 then return nil end
  for _, offer in ipairs(offers) do
    local d = Records.deployment(offer.d)
    if not d.ill or d.probe or d.told > now + INSTANT then return nil end
  end
  local best, soonest
  for _, offer in ipairs(timely) do
    local free_at = Health.free_at(Records.deployment(offer.d))
    if not best or free_at < soonest then best, soonest = offer, free_at end
  end
  return best
end

-- The first moment from `moment` on at which every claim has room: the claims push it on in turn.
local function all_at_once(offer, moment, question)
  local claims, agreed, i = offer.claims, 0, 0
  local n = #claims
  while n > 0 do
    local claim = claims[i % n + 1]
    local q = Records.quota(claim)
    local later = q.counter[question](q, claim[3], max(moment, q.cooling))
    agreed = later > moment and 1 or agreed + 1
    moment, i = later, i + 1
    if agreed == n or moment == NEVER then break end
  end
  return moment
end

-- When time alone will have made room for the offer, whoever waits left aside.
function Ahead.opens(offer, panicking)
  local d = Records.deployment(offer.d)
  if d.probe then return NEVER end
  return all_at_once(offer, panicking and now or Health.free_at(d), 'opens')
end

-- When all that the offer claims is thought to be free at once, behind all who wait.
function Ahead.free_at(offer)
  for _, claim in ipairs(offer.claims) do
    local q = Records.quota(claim)
    q.deployments = q.deployments or {}
    q.deployments[offer.d] = true
  end
  local d = Records.deployment(offer.d)
  local moment = Health.free_at(d)
  if d.probe then moment = max(moment, now + SOON) end
  return all_at_once(offer, moment, 'earliest')
end

-- The limit of our own for which the offer has to wait until `at`, which `free_at` named: the number of its claim.
function Ahead.shortage(offer, at)
  for i, claim in ipairs(offer and offer.claims or {}) do
    local q = Records.quota(claim)
    if q.ours and not Books.quota_has_room(q, claim[3]) and
      q.counter.earliest(q, claim[3], now) >= at - INSTANT then return i, q end
  end
end

-- Note that `id` is thought to take `offer` at `at`, for so many seconds. The deployments for which that may change what is thought.
function Ahead.plan(id, offer, at, expected)
  local touched = { [offer.d] = true }
  for _, claim in ipairs(offer.claims) do
    local q = Records.quota(claim)
    q.counter.plan(q, id, claim[3], at, expected)
    for name in pairs(q.deployments or {}) do touched[name] = true end
  end
  return touched
end

function Ahead.forget_plans()
  for _, key in ipairs(call('SMEMBERS', K .. 'planned')) do
    local q = Records.counted(key)
    if q then Plans.forget(q) end
  end
  call('DEL', K .. 'planned')
  meta.upset = ''
end
