-- The steps: reserve, settle, cancel, tend, join, look. Each answers one object of JSON.

local call, format, concat, max = redis.call, string.format, table.concat, math.max
local NEVER, INSTANT = Common.NEVER, Common.INSTANT

local function quoted_list(texts)
  return '[' .. concat(texts, ',') .. ']'
end

-- An offer as it is sent: {deployment, claims, expected, least}, and behind them claims on limits of our own, if any.
local function read_offers(sent)
  local offers = {}
  for i, o in ipairs(sent or {}) do
    offers[i] = { d = o[1], claims = o[2], e = o[3], least = o[4], i = i - 1 }
    for _, claim in ipairs(o[5] or {}) do table.insert(o[2], claim) end
  end
  Records.fetch(offers)
  return offers
end

local function finish(parts)
  Line.set_timer()
  if rawget(Places, 'save_forecast') then Places.save_forecast() end
  Line.save_contested()
  Records.save()
  if asked.members ~= meta.members then
    parts[#parts + 1] = format('"members":%d,"processes":%s', meta.members, Fleet.text())
  end
  if meta.watch == me then parts[#parts + 1] = format('"watch":%.6f', max(0, meta.alarm - now)) end
  if #news > 0 then parts[#parts + 1] = '"news":' .. quoted_list(news) end
  if asked.epoch ~= meta.epoch then parts[#parts + 1] = '"epoch":' .. cjson.encode(meta.epoch) end
  Common.save_meta()
  parts[#parts + 1] = format('"now":"%.6f"', now + meta.base)
  return '{' .. concat(parts, ',') .. '}'
end

local function answer_of(held)
  return format('"take":%d,"probe":%s', held.index, tostring(held.probe))
end

-- What was answered before to a reserve that comes again; `nil` if it is the first time.
local function answered(id)
  local text = call('HGET', K .. 'h:' .. me, id)
  if not text then return nil end
  if string.sub(text, 1, 1) ~= 'w' then return answer_of(Settling.held(id)) end
  local place = Places.place(id, text)
  return format('"ticket":%.6f', place.at == NEVER and 0 or max(0, place.at - now))
end

local function reserved(offers)
  Line.serve()
  meta.number = meta.number + 1
  Records.specify(offers)
  Phantoms.drop_all(offers)
  local place = {
    id = asked.id, number = format('%012d', meta.number), score = -asked.priority, offers = offers,
    latest = now + (Common.known(asked.patience) or NEVER), done_by = now + (Common.known(asked.within) or NEVER),
    panic = asked.panic == true, grace = INSTANT, at = NEVER,
  }
  local granted = Line.served_at_once(place)
  if granted then return answer_of(granted), granted end
  Waiting.enter(place)
  if place.granted then return answer_of(place.granted) end
  if place.left then return '"full":' .. Waiting.full(place) end
  return format('"ticket":%.6f', max(0, place.at - now))
end

-- As many more of what was granted as were asked for, and there is room for when nobody waits. Each has the id of the
-- first, and a number.
local function ahead(offer)
  for number = 1, asked.more or 0 do
    local place = {
      id = asked.id .. '.' .. number, number = format('%012d', meta.number), score = -asked.priority,
      offers = { offer }, latest = now, done_by = NEVER, panic = false, grace = INSTANT, at = NEVER,
    }
    if not (Line.empty() and Line.served_at_once(place)) then return number - 1 end
  end
  return asked.more or 0
end

function Steps.reserve()
  Fleet.reap()
  local offers = read_offers(asked.offers)
  local answer = answered(asked.id)
  local more = 0
  if not answer then
    local granted
    answer, granted = reserved(offers)
    if granted and not granted.probe then more = ahead(offers[granted.index + 1]) end
  end
  return finish({ answer, '"states":' .. Books.states(offers), more > 0 and format('"more":%d', more) or nil })
end

function Steps.settle()
  local ended, states = {}, {}
  for i, report in ipairs(asked.settled) do
    local held, changes = Settling.held(report.id), {}
    if held then Settling.settle(held, report, changes) end
    ended[i] = quoted_list(changes)
  end
  for i, report in ipairs(asked.settled) do
    states[i] = Books.states(read_offers({ report.offer }))
  end
  return finish({ '"changes":' .. quoted_list(ended), '"states":' .. quoted_list(states) })
end

function Steps.cancel()
  local changes = {}
  for _, id in ipairs(asked.ids) do Settling.free(id, false, changes) end
  return finish({ '"changes":' .. quoted_list(changes) })
end

function Steps.tend()
  Fleet.reap()
  for _, id in ipairs(asked.undo or {}) do Settling.free(id, false) end
  if asked.leaving then
    while not Fleet.remove(me) do end
    return finish({})
  end
  Fleet.renew()
  local offers = read_offers(asked.offers)
  Phantoms.drop_all(offers)
  Line.serve()
  if not Line.empty() and now + INSTANT >= meta.looked + Common.SOON then Waiting.look_again() end
  Joining.reconcile(asked.waiting or {})
  return finish({ '"states":' .. Books.states(offers), asked.budgets and '"budgets":' .. Books.budgets(asked.budgets) })
end

function Steps.join()
  Fleet.reap()
  Joining.join()
  return finish({})
end

function Steps.look()
  local names = {}
  for i, name in ipairs(call('ZRANGE', K .. 'procs', 0, -1)) do names[i] = cjson.encode(name) end
  local states, budgets = Books.states(read_offers(asked.offers)), Books.budgets(asked.budgets or {})
  return format('{"states":%s,"budgets":%s,"names":%s}', states, budgets, quoted_list(names))
end
