-- What a process that comes back has to tell of what it holds and has booked, and what of that is known already.

-- The entry of `id` in a rate's log, that what was booked before can be settled.
local function find(q, id)
  if not q.entries then
    q.entries = {}
    local flat = call('ZRANGE', K .. 'l:' .. q.key, 0, -1, 'WITHSCORES')
    for i = 1, #flat, 2 do
      local number, amount, name = string.match(flat[i], '^(%d+):(%d+):(.*)$')
      q.entries[name] = { number = tonumber(number), amount = tonumber(amount), at = tonumber(flat[i + 1]) }
    end
  end
  return q.entries[id]
end

-- Count what was granted before, or elsewhere. `booked`: i (id), d (deployment), c (claims), a (seconds ago), h (whether
-- it is held), n (which of the offers), p (whether it probes), l (seconds it is thought to last yet), e (the epoch in
-- which it was granted), x (whether elsewhere).
local function restore(booked)
  local id, at = booked.i, now - booked.a
  local owner = owner_of(id)
  if call('HEXISTS', K .. 'h:' .. owner, id) == 1 then
    if not booked.h then Settling.over(id, booked.c) end
    return
  end
  local key = K .. 'r:' .. me
  local counts = booked.e ~= meta.epoch and call('SADD', key, id) == 1
  call('EXPIRE', key, TEN_MINUTES)
  local claims = {}
  for _, claim in ipairs(booked.c) do
    local q, amount = Records.quota(claim), claim[3]
    local detail, entered
    if q.counter == Slots then
      detail = ''
      if booked.h then
        Slots.enter(q, id, amount, booked.l or 0)
        if counts then Phantoms.told(q, amount) end
      end
    elseif q.counter == Budget then
      -- What was granted here in an older epoch is in what was seen of it; what was granted elsewhere, nobody saw.
      local part = q.clock.part(at + meta.base)
      detail = format('%d', part)
      if counts and booked.x then Budget.enter(q, part, amount, false) end
      if booked.h then Budget.hold(q, part, amount) end
    elseif q.counter == Fixed then
      local first, last = Fixed.minutes_at(q, at)
      detail = format('%d,%d', first, last)
      if counts then
        Fixed.add(q.minutes, first, last, amount)
        q.dirty = true
        -- What others have seen used is of this minute.
        if last >= floor((now + meta.base) / WINDOW) then Phantoms.told(q, amount) end
      end
    elseif counts and booked.a < q.longest then
      detail = format('%d', Rate.enter(q, id, amount, at))
      Phantoms.told(q, amount)
    else
      entered = find(q, id) or { number = 0, at = LONG_AGO }
      detail = format('%d', entered.number)
    end
    claims[#claims + 1] = Books.claim_text(q, amount, entered and entered.at or at, detail)
  end
  meta.upset = '1'
  if not booked.h then return end
  local d = Records.deployment(booked.d)
  d.in_flight, d.dirty = d.in_flight + 1, true
  if booked.p and d.ill and not d.probe then d.probe = id end
  Books.hold(id, Books.held_text({ d = booked.d, i = booked.n }, booked.p == true, claims))
end

-- What the caller knows of what it holds, and what of that is still so.
function Joining.reconcile(waiting)
  for _, id in ipairs(waiting) do
    local text = call('HGET', K .. 'h:' .. owner_of(id), id)
    if not text then
      news[#news + 1] = format('{"moved":%s}', cjson.encode(id))
    elseif string.sub(text, 1, 1) ~= 'w' then
      news[#news + 1] = Line.grant_text(Settling.held(id))
    end
  end
end

function Joining.join()
  -- First a write that a server without memory refuses: what comes first decides whether the others may follow.
  call('SET', K .. 'written', 1, 'EX', TEN_MINUTES)
  local fresh = known(asked.epoch) and asked.epoch ~= '' and asked.epoch ~= meta.epoch
  Fleet.renew()
  for _, id in ipairs(asked.undo or {}) do Settling.free(id, false) end
  -- Each is {key, spec, used, seconds ago}.
  for _, seen in ipairs(fresh and asked.budgets or {}) do
    local q = Records.quota(seen)
    if q.counter == Budget then Budget.recall(q, seen[3], seen[4]) end
  end
  for _, booked in ipairs(asked.booked or {}) do restore(booked) end
  if asked.holds then
    local holds = {}
    for _, id in ipairs(asked.holds) do holds[id] = true end
    for _, id in ipairs(call('HKEYS', K .. 'h:' .. me)) do
      if not holds[id] then Settling.free(id, true) end
    end
  end
  -- Each is {key, spec, used in all where the state was lost, used in all while this process was apart}.
  for _, seen in ipairs(asked.seen or {}) do
    local amount = fresh and seen[3] or seen[4]
    if amount > 0 then Phantoms.expect(Records.quota(seen), amount) end
  end
  for _, q in pairs(Records.quotas) do
    if q then Phantoms.book(q) end
  end
  Joining.reconcile(asked.waiting or {})
end
