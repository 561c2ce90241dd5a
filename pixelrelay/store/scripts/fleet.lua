-- The processes that share this state: their leases, and what a dead one leaves.
-- `procs` is a sorted set of processes by the end of their leases; `h:<process>` is what each holds, by id: a
-- reservation as JSON, or the place in the line of one who waits.

local FREED_AT_ONCE = 128

local function lease_of(process)
  return tonumber(call('ZSCORE', K .. 'procs', process) or nil)
end

-- Whether the caller is one of the fleet by what it believes; a new one becomes one.
function Fleet.admits()
  if known(asked.epoch) and asked.epoch ~= '' then
    if asked.epoch ~= meta.epoch then return false end
    local ends = lease_of(me)
    return ends ~= nil and ends >= now
  end
  Fleet.renew()
  return true
end

function Fleet.renew()
  local ends = now + asked.lease
  if call('ZADD', K .. 'procs', exact(ends), me) == 1 then meta.members = meta.members + 1 end
  call('EXPIRE', K .. 'procs', DAY)
  meta.reap = min(meta.reap, ends)
end

-- The shorter id is the older one, of ids that one process has made.
local function older(a, b)
  if #a ~= #b then return #a < #b end
  return a < b
end

-- Free some of what a process holds, those first who only wait. Whether that was all.
local function free_some(process)
  local key, held, waited = K .. 'h:' .. process, {}, false
  local all = call('HGETALL', key)
  for i = 1, #all, 2 do
    if string.sub(all[i + 1], 1, 1) == 'w' then
      Places.remove(Places.place(all[i], all[i + 1]), false)
      waited = true
    else
      held[#held + 1] = all[i]
    end
  end
  if waited then Line.made_room() end
  table.sort(held, older)
  for i = 1, min(#held, FREED_AT_ONCE) do Settling.free(held[i], true) end
  return call('EXISTS', key) == 0
end

function Fleet.remove(process)
  local all = free_some(process)
  if all then
    if call('ZREM', K .. 'procs', process) == 1 then meta.members = meta.members + 1 end
    call('DEL', K .. 'in:' .. process)
  end
  return all
end

-- Free what processes held that are heard of no more.
function Fleet.reap()
  while true do
    local first = call('ZRANGE', K .. 'procs', 0, 0, 'WITHSCORES')
    if not first[1] then
      meta.reap = LONG_AGO
      return
    end
    local ends = tonumber(first[2])
    if ends >= now then
      meta.reap = ends
      return
    end
    if not Fleet.remove(first[1]) then return end -- the next call goes on
  end
end

-- The caller's place among all that live, by name, and how many they are.
function Fleet.text()
  local names = call('ZRANGE', K .. 'procs', 0, -1)
  table.sort(names)
  for i, name in ipairs(names) do
    if name == me then return format('[%d,%d]', i - 1, #names) end
  end
  return format('[0,%d]', max(1, #names))
end

-- Nothing of what an older epoch left is good: the counters of the moments in it began elsewhere. Records carry the
-- tag of their epoch; what carries none is deleted.
function Fleet.begin_epoch(time, seconds)
  for _, process in ipairs(call('ZRANGE', K .. 'procs', 0, -1)) do
    call('DEL', K .. 'h:' .. process, K .. 'in:' .. process)
  end
  for _, aim in ipairs(call('HKEYS', K .. 'aims')) do call('DEL', K .. 'a:' .. aim) end
  for _, name in ipairs({ 'procs', 'line', 'aims', 'w', 'k', 'plan', 'planned', 'h:' .. me }) do call('DEL', K .. name) end
  meta.tag = format('%d.%06d', tonumber(time[1]), tonumber(time[2]))
  meta.epoch = meta.tag .. '/' .. me
  meta.base = floor(seconds)
  meta.last = 0
end
