-- Whether a deployment is well: the twin of store/health.py. A deployment `d`: outcomes ('1' is well, oldest first),
-- relapses, ill (until when, or nil), told (until when), probe (an id, or nil), in_flight.

function Health.probation(d)
  if d.told > now then return 'cooling' end
  if not d.ill then return 'well' end
  return (d.ill <= now or d.probe) and 'probing' or 'cooling'
end

function Health.is_open(d, moment)
  if d.told > moment then return false end
  return not d.ill or (d.ill <= moment and not d.probe)
end

function Health.free_at(d)
  return max(now, d.told, d.ill or now)
end

function Health.told(d, id, seconds, grows, policy)
  if d.probe == id then d.probe = nil end
  local length = grows and min(policy.longest, seconds * 2 ^ d.relapses) or seconds
  local ends = now + length
  if ends <= d.told then return end
  local relapses = d.relapses
  if d.ill and d.ill <= now then relapses = min(relapses + 1, 30) end
  d.outcomes = ''
  d.relapses = max(1, relapses)
  d.told = ends
  d.ill = d.ill and max(ends, d.ill) or ends
end

function Health.judged(d, verdict, id, policy, spread, first)
  local probing = d.probe == id
  if probing then d.probe = nil end
  if verdict == 'silent' or (d.ill and not probing) then return end
  if verdict == 'well' then
    d.outcomes = string.sub(d.outcomes .. '1', -policy.of)
    if string.sub(d.outcomes, -policy.settled) == string.rep('1', policy.settled) then d.relapses = 0 end
    d.ill = nil
    return
  end
  local outcomes = string.sub(d.outcomes .. '0', -policy.of)
  local running = string.sub(outcomes, -policy.consecutive) == string.rep('0', policy.consecutive)
  local _, failed = string.gsub(outcomes, '0', '')
  if not (probing or running or failed >= policy.failed) then
    d.outcomes = outcomes
    return
  end
  d.outcomes = ''
  first = first or policy.cooldown
  d.ill = now + min(max(policy.longest, first), first * 2 ^ d.relapses) * spread
  d.relapses = min(d.relapses + 1, 30)
end
