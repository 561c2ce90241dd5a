-- What every step begins with: what was asked, what time it is, and who else is told of what happens.
-- Moments are seconds since `base`, so that they have few digits; replies speak in durations.

local NEVER, LONG_AGO, INSTANT, SOON, WINDOW, DAY = math.huge, -1e15, 1e-6, 1.0, 60.0, 86400
Common.NEVER, Common.LONG_AGO, Common.INSTANT, Common.SOON, Common.WINDOW = NEVER, LONG_AGO, INSTANT, SOON, WINDOW
Common.DAY, Common.TEN_MINUTES = DAY, 600
local call, format, max, min, floor = redis.call, string.format, math.max, math.min, math.floor

function Common.known(value)
  if value == cjson.null then return nil end
  return value
end

local function exact(number) -- cjson writes fourteen digits
  return format('%.17g', number)
end
Common.exact = exact

function Common.chunks(list, most, handle)
  for first = 1, #list, most do
    handle(unpack(list, first, min(first + most - 1, #list)))
  end
end

-- `meta`: what concerns all. As it begins, a field is neither written nor read.

local META = {
  __index = {
    epoch = '', tag = '', base = 0, last = 0, number = 0, reap = LONG_AGO, members = 0, due = NEVER,
    upset = '', looked = LONG_AGO, foreseen = LONG_AGO, watch = '', alarm = NEVER, waiting = 0,
  },
}

local function load_meta()
  local text = call('GET', K .. 'meta')
  meta = setmetatable(text and cjson.decode(text) or {}, META)
  return text
end

function Common.save_meta()
  local text = format(
    '{"epoch":%s,"tag":"%s","base":%.17g,"last":%.17g,"number":%d,"reap":%.17g,"members":%d',
    cjson.encode(meta.epoch), meta.tag, meta.base, meta.last, meta.number, meta.reap, meta.members
  )
  if meta.upset ~= '' then text = text .. ',"upset":"1"' end
  if meta.looked ~= LONG_AGO then text = text .. format(',"looked":%.17g,"foreseen":%.17g', meta.looked, meta.foreseen) end
  if meta.waiting > 0 then text = text .. format(',"waiting":%d', meta.waiting) end
  if meta.due ~= NEVER then text = text .. format(',"due":%.17g', meta.due) end
  if meta.alarm ~= NEVER then text = text .. format(',"alarm":%.17g', meta.alarm) end
  if meta.watch ~= '' then text = text .. ',"watch":' .. cjson.encode(meta.watch) end
  if meta.contested then text = text .. ',"contested":' .. cjson.encode(meta.contested) end
  call('SET', K .. 'meta', text .. '}', 'EX', DAY)
end

-- Nothing of what an older epoch left is good: the counters of the moments in it began elsewhere. Records carry the
-- tag of their epoch; what carries none is deleted.
local function begin_epoch(time, seconds)
  for _, process in ipairs(call('ZRANGE', K .. 'procs', 0, -1)) do
    call('DEL', K .. 'h:' .. process, K .. 'in:' .. process)
  end
  call('DEL', K .. 'procs', K .. 'line', K .. 'w', K .. 'k', K .. 'plan', K .. 'planned', K .. 'h:' .. me)
  meta.tag = format('%d.%06d', tonumber(time[1]), tonumber(time[2]))
  meta.epoch = meta.tag .. '/' .. me
  meta.base = floor(seconds)
  meta.last = 0
end

-- Sets `now`. A server whose clock is behind what was seen before goes on from there.
function Common.read_clock()
  local time = call('TIME')
  local whole, part = tonumber(time[1]), tonumber(time[2]) / 1000000
  if asked.now then -- a clock for tests
    whole, part = asked.now, 0
  end
  local begun = load_meta()
  if not begun then
    if step == 'look' then
      meta.base = floor(whole)
    else
      begin_epoch(time, whole)
    end
  end
  now = (whole - meta.base) + part
  if now < meta.last then
    meta.base = meta.base - (meta.last - now)
    now = meta.last
  end
  meta.last = now
  return begun
end

function Common.owner_of(id)
  return (string.match(id, '^(.*):'))
end

-- Tell the process of `id`, by a word in this reply or by a message in its inbox.
function Common.tell(process, message)
  if process == me then
    news[#news + 1] = message
    return
  end
  local inbox = K .. 'in:' .. process
  call('RPUSH', inbox, message)
  call('EXPIRE', inbox, Common.TEN_MINUTES)
end
