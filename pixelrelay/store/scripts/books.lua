-- What is counted, together: whether an offer has room, and taking it. The twin of store/books.py.

function Books.quota_has_room(q, amount)
  return q.cooling <= now + INSTANT and q.counter.has_room(q, amount)
end

function Books.quotas_have_room(offer, contested)
  for _, claim in ipairs(offer.claims) do
    if contested[claim[1]] or not Books.quota_has_room(Records.quota(claim), claim[3]) then return false end
  end
  return true
end

function Books.has_room(offer, contested)
  return Health.is_open(Records.deployment(offer.d), now + INSTANT) and Books.quotas_have_room(offer, contested)
end

function Books.hold(id, text)
  local key = K .. 'h:' .. owner_of(id)
  call('HSET', key, id, text)
  call('EXPIRE', key, DAY)
end

function Books.held_text(offer, probe, claims)
  return format('{"d":%s,"i":%d,"p":%s,"c":[%s]}', cjson.encode(offer.d), offer.i, tostring(probe), concat(claims, ','))
end

function Books.claim_text(q, amount, at, detail)
  local text = format('[%s,%d,%d,%.17g', cjson.encode(q.key), amount, q.version, at)
  return text .. (detail ~= '' and ',' .. detail or '') .. ']'
end

-- Book all that the offer claims; it was found to have room. `was`: what it had planned, by quota.
function Books.take(id, offer, was)
  local d = Records.deployment(offer.d)
  local probe = d.ill ~= nil
  if probe then d.probe = id end
  local claims = {}
  for i, claim in ipairs(offer.claims) do
    local q = Records.quota(claim)
    local detail, foreseen = q.counter.book(q, id, claim[3], offer.e, was and was[claim[1]])
    if not foreseen then meta.upset = '1' end
    claims[i] = Books.claim_text(q, claim[3], now, detail)
  end
  d.in_flight, d.dirty = d.in_flight + 1, true
  Books.hold(id, Books.held_text(offer, probe, claims))
  return { id = id, index = offer.i, probe = probe }
end

-- As the reply tells it: in flight, probation, seconds to cool, and of each quota used, learned and stated; of a budget
-- see budgets.lua.
function Books.state(name, claims)
  local d = Records.deployment(name)
  local free_at, counted = Health.free_at(d), {}
  for i, claim in ipairs(claims) do
    local q = Records.quota(claim)
    free_at = max(free_at, q.cooling)
    if q.span then
      counted[i] = Budget.state(q)
    else
      counted[i] = q.seen and format('[%d,%d,%d]', q.counter.used(q), q.most, q.seen)
        or format('[%d,%d]', q.counter.used(q), q.most)
    end
  end
  return format('[%d,"%s",%.6f,[%s]]', d.in_flight, Health.probation(d), free_at - now, concat(counted, ','))
end

function Books.states(offers)
  local states = {}
  for i, offer in ipairs(offers) do states[i] = Books.state(offer.d, offer.claims) end
  return '[' .. concat(states, ',') .. ']'
end

-- The same of budgets alone, each {key, spec}.
function Books.budgets(sent)
  local states = {}
  for i, budget in ipairs(sent) do
    local q = Records.quota(budget)
    states[i] = q.span and Budget.state(q) or '[0,0]'
  end
  return '[' .. concat(states, ',') .. ']'
end
