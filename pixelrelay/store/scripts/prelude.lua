-- What all parts share. A part is a function that fills its table, and is called when something in the table is first
-- asked for: most steps need few of them, and to make a function costs more than to call it.

local K = KEYS[1] .. ':1:'
local step, asked = ARGV[1], cjson.decode(ARGV[2])
local me, now, meta, news = asked.process, nil, {}, {}

local fills = {}
local UNFILLED = {
  __index = function(self, name)
    local fill = fills[self]
    setmetatable(self, nil)
    fill()
    return self[name]
  end,
}

local function part()
  return setmetatable({}, UNFILLED)
end

local Common, Rules, Health, Plans = part(), part(), part(), part()
local Rate, Fixed, Slots, Budget = part(), part(), part(), part()
local Records, Books, Ahead, Line, Places, Waiting = part(), part(), part(), part(), part(), part()
local Settling, Learning, Fleet, Joining, Phantoms, Steps = part(), part(), part(), part(), part(), part()
