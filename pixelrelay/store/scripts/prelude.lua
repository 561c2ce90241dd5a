-- What all parts share: a local here is cheaper than one in each of them. To make a function costs more than to call it,
-- and nothing is kept from one call to the next. So what every step needs is made at once; other parts when something in
-- them is first asked for; and of those that few steps need not even the functions that make them are made before.

local K = KEYS[1] .. ':1:'
local step, asked_ends = ARGV[1], string.find(ARGV[2], '\n', 1, true)
local asked = cjson.decode(asked_ends and string.sub(ARGV[2], 1, asked_ends - 1) or ARGV[2])
local me, now, meta, news = asked.process, nil, {}, {}

local call, format, concat = redis.call, string.format, table.concat
local max, min, floor, ceil = math.max, math.min, math.floor, math.ceil
local NEVER, LONG_AGO, INSTANT, SOON, WINDOW = math.huge, -1e15, 1e-6, 1.0, 60.0
local DAY, TEN_MINUTES = 86400, 600

local function exact(number) -- cjson writes fourteen digits
  return format('%.17g', number)
end

local function known(value)
  if value == cjson.null then return nil end
  return value
end

local function owner_of(id)
  return (string.match(id, '^(.*):'))
end

local make_rare
local fills = {}
local UNFILLED = {
  __index = function(self, name)
    if not fills[self] then make_rare() end
    setmetatable(self, nil)
    fills[self]()
    return self[name]
  end,
}

local function part()
  return setmetatable({}, UNFILLED)
end

