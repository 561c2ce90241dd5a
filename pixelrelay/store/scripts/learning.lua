-- What a quota learns from how attempts end: the twin of Ladder and SlotLimit in store/rules.py.

local CUT, RECOVERY, FLOOR, RECOVERY_A_MINUTE = 0.9, 0.002, 0.3, 0.075
local BETWEEN_STEPS = 30.0

-- What must be the same for nothing to have changed.
function Learning.signature(q)
  return concat({ q.largest, q.most, q.slice or '', q.spacing or '', q.guard }, ' ')
end

function Learning.rejected(q)
  if q.unit == 'concurrent' then
    q.slots = max(1, min(q.count, q.slots or q.count) - 1)
    q.clean = 0
    return
  end
  q.clean = 0
  if now - q.stepped < BETWEEN_STEPS then return end
  q.stepped = now
  if Rules.climbs(q) then
    q.step = q.step + 1
  else
    q.factor = max(FLOOR, q.factor * CUT)
  end
end

function Learning.succeeded(q, amount)
  if q.unit == 'concurrent' then
    if not q.slots then return end
    if q.clean + 1 < q.slots then
      q.clean = q.clean + 1
    else
      q.clean = 0
      q.slots = q.slots + 1 < q.limit and q.slots + 1 or nil
    end
    return
  end
  if q.factor == 1 and q.step == 0 then return end
  q.factor = min(1, q.factor + min(RECOVERY, RECOVERY_A_MINUTE * (amount / q.limit)))
  q.clean = q.clean + 1
  if q.factor == 1 and q.clean >= q.needed and q.step > 0 then
    q.step, q.clean, q.needed = q.step - 1, 0, q.needed * 2
  end
end
