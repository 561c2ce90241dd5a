-- What a quota admits, by its spec and by what it has learned: the twin of store/rules.py.
-- A quota `q`: unit, limit, shape, guard (its spec); step, factor, clean, needed, stepped, seen (a rate's ladder);
-- slots, clean (what concurrent slots have learned); most, largest, slice, spacing (what follows from them).

local SLICE = 10.0
local STEPS = { 'rolling', 'sliced', 'paced' }
local STEP = { rolling = 1, sliced = 2, paced = 3 }
Rules.CLEAN_RUN, Rules.SLICE = 300, SLICE

function Rules.shape(q)
  local start = STEP[q.shape]
  if not start then return q.shape end
  return STEPS[min(start + q.step, 3)]
end

-- Whether there is a stricter shape to climb to.
function Rules.climbs(q)
  return STEP[q.shape] ~= nil and Rules.shape(q) ~= 'paced'
end

function Rules.apply(q)
  if q.unit == 'concurrent' then
    q.largest = q.limit
    q.most = q.slots and min(q.limit, q.slots) or q.limit
    return
  end
  if q.span then
    q.largest, q.most = q.limit, q.limit
    return
  end
  q.largest = q.seen and min(q.limit, q.seen) or q.limit
  q.most = max(1, floor(q.largest * q.factor + 1e-9))
  local shape = Rules.shape(q)
  q.slice = shape == 'sliced' and ceil(q.most * SLICE / WINDOW) or nil
  q.spacing = 0
  if shape == 'paced' then
    q.spacing = WINDOW / q.most + (q.most <= 6 and q.guard or 0)
  end
  q.longest = WINDOW + q.guard
end
