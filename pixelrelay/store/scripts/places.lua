-- Who waits: `line` is a sorted set of `number:kind:id` by priority; `w` holds what each asked for, `k` what a kind may take,
-- `plan` what the forecast says of each. `a:<aim>` is the part of the line that has one aim: those of a kind that are
-- thought to take the same of its offers. `aims` names these parts. A walk sees little more than the first of each.

local chunks = Common.chunks
local kinds, plan_changes, by_id = {}, {}, {}
local noted = {} -- aims that are known to have somebody, and a time to live

local function place_of(member, score)
  local number, kind, id = string.match(member, '^(%d+):(%d+):(.*)$')
  return { member = member, score = tonumber(score), number = number, kind = kind, id = id }
end

local function read_forecast(place, text)
  if text then
    local ci, at, planned = string.match(text, '^(%d+)|([^|]*)|(%d)$')
    place.ci, place.at, place.planned = tonumber(ci), tonumber(at) or NEVER, planned == '1'
    place.queue = place.ci
  else
    place.at, place.planned = NEVER, false
  end
end

function Places.all()
  if Line.places then return Line.places end
  Line.places = {}
  local members = meta.waiting > 0 and call('ZRANGE', K .. 'line', 0, -1, 'WITHSCORES') or {}
  local ids = {}
  for i = 1, #members, 2 do
    local place = place_of(members[i], members[i + 1])
    if Line.newcomer and Line.newcomer.id == place.id then place = Line.newcomer end
    Line.places[#Line.places + 1], ids[#ids + 1], by_id[place.id] = place, place.id, place
  end
  local read = 0
  chunks(ids, 2000, function(...)
    for _, text in ipairs(call('HMGET', K .. 'plan', ...)) do
      read = read + 1
      if Line.places[read] ~= Line.newcomer then read_forecast(Line.places[read], text) end
    end
  end)
  meta.waiting = #Line.places
  return Line.places
end

-- What a kind may take.
local function load_kind(id)
  if not kinds[id] then
    local offers, text = {}, call('HGET', K .. 'k', 'i:' .. id)
    for i, o in ipairs(text and cjson.decode(text) or {}) do offers[i] = { d = o[1], claims = o[2] } end
    kinds[id] = offers
    Records.fetch(offers)
  end
  return kinds[id]
end
Places.kind = load_kind

-- What the one in that place asked for: `wants` names offers of its kind in its order, and what it expects of each.
local function read_wants(place, text)
  local w = text and cjson.decode(text)
  if not w or not load_kind(place.kind)[1] then w = { o = {}, t = 0, x = false } end -- lost: nobody is served by it
  place.wants, place.panic, place.grace = w, w.x, SOON + INSTANT
  place.latest, place.done_by = w.t or NEVER, w.b or NEVER
end

function Places.load(place)
  if place.offers then return place end
  if not place.at then read_forecast(place, call('HGET', K .. 'plan', place.id)) end
  if not place.wants then read_wants(place, call('HGET', K .. 'w', place.id)) end
  local offers, w, common = {}, place.wants, load_kind(place.kind)
  for i, ci in ipairs(w.o) do
    offers[i] = { d = common[ci].d, claims = common[ci].claims, e = w.e[i], least = w.l[i], i = i - 1, ci = ci }
  end
  place.offers = offers
  return place
end

-- All places, with what each wants.
function Places.all_wants()
  local unread, ids, read = {}, {}, 0
  for _, place in ipairs(Places.all()) do
    if not place.wants then unread[#unread + 1], ids[#ids + 1] = place, place.id end
  end
  chunks(ids, 2000, function(...)
    local texts = call('HMGET', K .. 'w', ...)
    for i = 1, #texts do
      read = read + 1
      read_wants(unread[read], texts[i])
    end
  end)
  return Line.places
end

-- The offer that the place takes by the forecast, if it takes any.
function Places.planned_offer(place)
  for _, offer in ipairs(place.planned and place.offers or {}) do
    if offer.ci == place.ci then return offer end
  end
end

-- --- aims ----------------------------------------------------------------------------------------------------------

local function aim(kind, ci)
  return K .. 'a:' .. kind .. ':' .. ci
end

local function leave_queue(place)
  if not place.queue then return end
  local key = aim(place.kind, place.queue)
  call('ZREM', key, place.member)
  noted[key] = nil
end

-- Stand among those who have the same aim, and no more where it stood before.
local function queue_up(place)
  if place.queue == place.ci then return end
  leave_queue(place)
  local key = aim(place.kind, place.ci)
  call('ZADD', key, exact(place.score), place.member)
  if not noted[key] then
    noted[key] = true
    call('EXPIRE', key, TEN_MINUTES)
    call('HSET', K .. 'aims', place.kind .. ':' .. place.ci, 1)
    call('EXPIRE', K .. 'aims', TEN_MINUTES)
  end
  place.queue = place.ci
end

-- The first of an aim behind `passed` others; `nil` if there is none.
function Places.next_of(name, passed)
  local found = call('ZRANGE', K .. 'a:' .. name, passed, passed, 'WITHSCORES')
  if not found[1] then return nil end
  local place = place_of(found[1], found[2])
  if Line.newcomer and Line.newcomer.id == place.id then return Line.newcomer end
  return by_id[place.id] or place
end

-- The first of each aim, in the order of the line: {name, kind, ci, passed, place} each.
function Places.heads()
  local heads = {}
  for _, name in ipairs(call('HKEYS', K .. 'aims')) do
    local place = Places.next_of(name, 0)
    if place then
      local kind, ci = string.match(name, '^(%d+):(%d+)$')
      heads[#heads + 1] = { name = name, kind = kind, ci = tonumber(ci), passed = 0, place = place }
    else
      call('HDEL', K .. 'aims', name)
    end
  end
  local newcomer = Line.newcomer
  if newcomer and not newcomer.queue and not newcomer.left then
    heads[#heads + 1] = { kind = newcomer.kind, passed = 0, place = newcomer }
  end
  table.sort(heads, function(a, b) return Places.is_before(a.place, b.place) end)
  return heads
end

function Places.is_before(a, b)
  if a.score ~= b.score then return a.score < b.score end
  return a.member < b.member
end

function Places.keep()
  for _, name in ipairs({ 'line', 'w', 'k', 'plan', 'planned', 'aims' }) do call('EXPIRE', K .. name, TEN_MINUTES) end
  for _, name in ipairs(call('HKEYS', K .. 'aims')) do call('EXPIRE', K .. 'a:' .. name, TEN_MINUTES) end
end

-- --- kinds ---------------------------------------------------------------------------------------------------------

local function offer_key(offer)
  local parts = { offer.d }
  for _, claim in ipairs(offer.claims) do
    parts[#parts + 1] = claim[1]
    parts[#parts + 1] = claim[3]
  end
  return concat(parts, '\1')
end

local function kind_key(keys, panic)
  return concat(keys, '\2') .. (panic and '\3' or '')
end

-- What the place's offers have in common with others', in whatever order; sets its kind and each offer's place in it.
local function join(place)
  local by_key, keys = {}, {}
  for _, offer in ipairs(place.offers) do
    local key = offer_key(offer)
    if not by_key[key] then keys[#keys + 1] = key end
    by_key[key] = offer
    offer.key = key
  end
  table.sort(keys)
  local rank, common, texts = {}, {}, {}
  for i, key in ipairs(keys) do rank[key], common[i] = i, by_key[key] end
  for _, offer in ipairs(place.offers) do offer.ci = rank[offer.key] end
  local key = kind_key(keys, place.panic)
  local kind = call('HGET', K .. 'k', 't:' .. key)
  if not kind then
    kind = format('%d', meta.number)
    for i, offer in ipairs(common) do texts[i] = cjson.encode({ offer.d, offer.claims }) end
    call('HSET', K .. 'k', 't:' .. key, kind, 'i:' .. kind, '[' .. concat(texts, ',') .. ']')
  end
  call('HINCRBY', K .. 'k', 'n:' .. kind, 1)
  kinds[kind] = kinds[kind] or common
  place.kind = kind
end

local function leave_kind(place)
  if call('HINCRBY', K .. 'k', 'n:' .. place.kind, -1) > 0 then return end
  local keys = {}
  for i, offer in ipairs(load_kind(place.kind)) do
    keys[i] = offer_key(offer)
    call('HDEL', K .. 'aims', place.kind .. ':' .. i)
  end
  Places.load(place)
  call('HDEL', K .. 'k', 'n:' .. place.kind, 'i:' .. place.kind, 't:' .. kind_key(keys, place.panic))
end

-- --- coming and going ----------------------------------------------------------------------------------------------

local function numbers(list)
  local texts = {}
  for i, number in ipairs(list) do texts[i] = exact(number) end
  return '[' .. concat(texts, ',') .. ']'
end

function Places.insert(place)
  join(place)
  place.member = format('%s:%s:%s', place.number, place.kind, place.id)
  local order, expected, least = {}, {}, {}
  for i, offer in ipairs(place.offers) do order[i], expected[i], least[i] = offer.ci, offer.e, offer.least end
  place.wants = { o = order, e = expected, l = least }
  local text = format('{"o":%s,"e":%s,"l":%s,"x":%s', numbers(order), numbers(expected), numbers(least), tostring(place.panic))
  if place.latest ~= NEVER then text = text .. ',"t":' .. exact(place.latest) end
  if place.done_by ~= NEVER then text = text .. ',"b":' .. exact(place.done_by) end
  call('ZADD', K .. 'line', exact(place.score), place.member)
  call('HSET', K .. 'w', place.id, text .. '}')
  Books.hold(place.id, 'w' .. exact(place.score) .. ' ' .. place.member)
  for _, name in ipairs({ 'line', 'w', 'k' }) do call('EXPIRE', K .. name, TEN_MINUTES) end
  meta.waiting = meta.waiting + 1
  if Line.places then
    local at = #Line.places + 1
    while at > 1 and place.score < Line.places[at - 1].score do at = at - 1 end
    table.insert(Line.places, at, place)
    by_id[place.id] = place
  end
  Line.timer_may_change = true
end

-- Out of the line; who is served holds something else from then on.
function Places.remove(place, served)
  call('ZREM', K .. 'line', place.member)
  leave_queue(place)
  leave_kind(place)
  call('HDEL', K .. 'w', place.id)
  call('HDEL', K .. 'plan', place.id)
  if not served then call('HDEL', K .. 'h:' .. owner_of(place.id), place.id) end
  plan_changes[place.id], by_id[place.id] = nil, nil
  meta.waiting = meta.waiting - 1
  if Line.places then
    for i, other in ipairs(Line.places) do
      if other.id == place.id then
        table.remove(Line.places, i)
        break
      end
    end
  end
  place.left, Line.timer_may_change = true, true
end

-- The place that is held under `id`, as the holder's record names it.
function Places.place(id, text)
  local score, member = string.match(text, '^w(%S+) (.*)$')
  if by_id[id] then return by_id[id] end
  local place = place_of(member, score)
  read_forecast(place, call('HGET', K .. 'plan', id))
  return place
end

function Places.foreseen(place)
  if place.planned then queue_up(place) end
  plan_changes[place.id] = format('%d|%s|%d', place.ci or 0, place.at == NEVER and '' or exact(place.at), place.planned and 1 or 0)
end

function Places.save_forecast()
  local fields = {}
  for id, text in pairs(plan_changes) do
    fields[#fields + 1], fields[#fields + 2] = id, text
  end
  if #fields == 0 then return end
  chunks(fields, 2000, function(...) call('HSET', K .. 'plan', ...) end)
  call('EXPIRE', K .. 'plan', TEN_MINUTES)
end
