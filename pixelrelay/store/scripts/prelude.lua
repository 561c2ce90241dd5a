-- What all parts share. A part is a function that fills its table, and is called when something in the table is first
-- asked for: most steps need few of them, and to make a function costs more than to call it.

local K = KEYS[1] .. ':1:'
local step, asked = ARGV[1], cjson.decode(ARGV[2])
local me, now, meta, news = asked.process, nil, {}, {}

local function part()
  return setmetatable({}, {
    __index = function(self, name)
      local fill = getmetatable(self).fill
      if not fill then return nil end
      getmetatable(self).fill = nil
      fill()
      return rawget(self, name)
    end,
  })
end

local Common, Rules, Health, Plans, Rate, Fixed, Slots = part(), part(), part(), part(), part(), part(), part()
local Records, Books, Ahead, Line, Places, Waiting = part(), part(), part(), part(), part(), part()
local Settling, Learning, Fleet, Joining, Phantoms, Steps = part(), part(), part(), part(), part(), part()
