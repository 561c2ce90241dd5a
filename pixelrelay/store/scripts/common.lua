-- What every step begins with: what was asked, what time it is, and who else is told of what happens.
-- Moments are seconds since `base`, so that they have few digits; replies speak in durations.

function Common.chunks(list, most, handle)
  for first = 1, #list, most do
    handle(unpack(list, first, min(first + most - 1, #list)))
  end
end

-- `meta`: what concerns all. As it begins, a field is neither written nor read. What is set stands before what was read,
-- and where nothing is but what each step sets, all else is written back as it was read.

local META = {
  __index = {
    epoch = '', tag = '', base = 0, last = 0, number = 0, reap = LONG_AGO, members = 0, due = NEVER,
    upset = '', looked = LONG_AGO, foreseen = LONG_AGO, watch = '', alarm = NEVER, waiting = 0,
  },
}

local OF_EACH_STEP = { last = true, number = true }
local meta_text

local function load_meta()
  meta_text = call('GET', K .. 'meta')
  local read = setmetatable(meta_text and cjson.decode(meta_text) or {}, META)
  meta = setmetatable({}, { __index = read })
  return meta_text
end

local function rest_of_meta()
  local changed = not meta_text
  for name in pairs(meta) do changed = changed or not OF_EACH_STEP[name] end
  if not changed then return string.sub(meta_text, (string.find(meta_text, '"epoch"', 1, true))) end
  local text = format(
    '"epoch":%s,"tag":"%s","base":%.17g,"reap":%.17g,"members":%d',
    cjson.encode(meta.epoch), meta.tag, meta.base, meta.reap, meta.members
  )
  if meta.upset ~= '' then text = text .. ',"upset":"1"' end
  if meta.looked ~= LONG_AGO then text = text .. format(',"looked":%.17g,"foreseen":%.17g', meta.looked, meta.foreseen) end
  if meta.waiting > 0 then text = text .. format(',"waiting":%d', meta.waiting) end
  if meta.due ~= NEVER then text = text .. format(',"due":%.17g', meta.due) end
  if meta.alarm ~= NEVER then text = text .. format(',"alarm":%.17g', meta.alarm) end
  if meta.watch ~= '' then text = text .. ',"watch":' .. cjson.encode(meta.watch) end
  if meta.contested then text = text .. ',"contested":' .. cjson.encode(meta.contested) end
  return text .. '}'
end

function Common.save_meta()
  local text = format('{"last":%.17g,"number":%d,', meta.last, meta.number) .. rest_of_meta()
  call('SET', K .. 'meta', text, 'EX', DAY)
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
      Fleet.begin_epoch(time, whole)
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

-- Whether the caller is one of the fleet, as far as is known without asking: it was one when it was last told how many
-- have come and gone, nobody has since, and no lease is over.
function Common.is_known()
  return asked.epoch == meta.epoch and asked.members == meta.members and now <= meta.reap
end

-- Tell the process of `id`, by a word in this reply or by a message in its inbox.
function Common.tell(process, message)
  if process == me then
    news[#news + 1] = message
    return
  end
  local inbox = K .. 'in:' .. process
  call('RPUSH', inbox, message)
  call('EXPIRE', inbox, TEN_MINUTES)
end
