-- What others are thought to have used that they have yet to tell of. When the state has been lost, or processes were
-- apart, each tells what it knows. Until all have, as much is held open as was last seen, or as all would have used who
-- used as much as the one that tells. Half a lease later every process that lives has been heard of, and what nobody
-- has told of by then was not used.

-- The round of telling that goes on; `ends`: when it is over.
local function round(q)
  Phantoms.drop(q)
  if not q.phantom then
    q.phantom = { seen = 0, restored = 0, amount = 0, number = 0, at = 0, ends = now + asked.lease / 2 }
    q.dirty = true
  end
  return q.phantom
end

function Phantoms.expect(q, amount)
  local p = round(q)
  p.seen, q.dirty = max(p.seen, amount), true
end

function Phantoms.told(q, amount)
  local p = round(q)
  p.restored, q.dirty = p.restored + amount, true
end

local function book(q, amount)
  local p = q.phantom
  if amount == p.amount then return false end
  if q.counter == Rate then
    if p.amount == 0 then
      p.at = now
      p.number = Rate.enter(q, '~', amount, now)
    else
      Rate.replace(q, p.number, '~', p.amount, p.at, amount)
    end
  elseif q.counter == Fixed then
    if p.amount == 0 then p.at = now end
    local first, last = Fixed.minutes_at(q, p.at)
    Fixed.add(q.minutes, first, last, amount - p.amount)
  else
    if p.amount > 0 then Slots.settle(q, '~', { amount = p.amount }) end
    if amount > 0 then Slots.enter(q, '~', amount, max(0, p.ends - now)) end
  end
  p.amount, q.dirty = amount, true
  return true
end

-- Book what is expected and has not been told of.
function Phantoms.book(q)
  local p = q.phantom
  if p and book(q, max(0, p.seen - p.restored)) then meta.upset = '1' end
end

-- End the round if its time is over. Whether that made room.
function Phantoms.drop(q)
  local p = q.phantom
  if not p or now < p.ends then return false end
  local made_room = p.amount > 0
  book(q, 0)
  q.phantom, q.dirty = nil, true
  return made_room
end

function Phantoms.drop_all(offers)
  local made_room = false
  for _, offer in ipairs(offers) do
    for _, claim in ipairs(offer.claims) do made_room = Phantoms.drop(Records.quota(claim)) or made_room end
  end
  if made_room then Line.made_room() end
end
