-- Who waits: `line` is a sorted set of `number:kind:id` by priority; `w` holds what each asked for, `k` what a kind may take,
-- `plan` what the forecast says of each. A place is read no further than is needed: of most, the kind is enough to know.

local call, format, concat = redis.call, string.format, table.concat
local NEVER, SOON, TEN_MINUTES = Common.NEVER, Common.SOON, Common.TEN_MINUTES
local chunks, exact, owner_of = Common.chunks, Common.exact, Common.owner_of
local kinds, plan_changes = {}, {}

local function place_of(member, score)
  local number, kind, id = string.match(member, '^(%d+):(%d+):(.*)$')
  return { member = member, score = tonumber(score), number = number, kind = kind, id = id }
end

local function read_forecast(place, text)
  if text then
    local ci, at, planned = string.match(text, '^(%d+)|([^|]*)|(%d)$')
    place.ci, place.at, place.planned = tonumber(ci), tonumber(at) or NEVER, planned == '1'
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
    Line.places[#Line.places + 1], ids[#ids + 1] = place, place.id
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

local function load_kind(id)
  if not kinds[id] then
    local offers, text = {}, call('HGET', K .. 'k', 'i:' .. id)
    for i, o in ipairs(text and cjson.decode(text) or {}) do offers[i] = { d = o[1], claims = o[2] } end
    kinds[id] = offers
    Records.fetch(offers)
  end
  return kinds[id]
end

-- Read what the one in that place asked for.
function Places.load(place)
  if place.offers then return place end
  local text = call('HGET', K .. 'w', place.id)
  local w = text and cjson.decode(text) or { o = {}, t = 0, x = false } -- lost: nobody can be served by it
  local offers, common = {}, load_kind(place.kind)
  for i, ci in ipairs(common[1] and w.o or {}) do
    offers[i] = { d = common[ci].d, claims = common[ci].claims, e = w.e[i], least = w.l[i], i = i - 1, ci = ci }
  end
  place.offers, place.panic, place.grace = offers, w.x, SOON + Common.INSTANT
  place.latest, place.done_by = w.t or NEVER, w.b or NEVER
  if place.ci and place.planned then
    for _, offer in ipairs(offers) do
      if offer.ci == place.ci then place.planned_offer = offer end
    end
  end
  return place
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
  for i, offer in ipairs(load_kind(place.kind)) do keys[i] = offer_key(offer) end
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
  end
  Line.timer_may_change = true
end

-- Out of the line; who is served holds something else from then on.
function Places.remove(place, served)
  call('ZREM', K .. 'line', place.member)
  leave_kind(place)
  call('HDEL', K .. 'w', place.id)
  call('HDEL', K .. 'plan', place.id)
  if not served then call('HDEL', K .. 'h:' .. owner_of(place.id), place.id) end
  plan_changes[place.id] = nil
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
  for _, place in ipairs(Line.places or {}) do
    if place.id == id then return place end
  end
  local place = place_of(member, score)
  read_forecast(place, call('HGET', K .. 'plan', id))
  return place
end

function Places.foreseen(place)
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

