-- What is asked for: an offer is sent as {deployment, claims, expected, least}, and behind them claims on limits of our
-- own, if any. Those of a reserve come as a line of text each, and are read no further than is needed: mostly it is
-- granted the first of them.

local find, sub = string.find, string.sub
local text, position = ARGV[2], asked_ends -- of the line that was read last: where it ends, or nil if it was the last
local lines, offers, told = {}, {}, {}
local loaded, looked_at = 0, 0

local function offer_of(o, i)
  for _, claim in ipairs(o[5] or {}) do table.insert(o[2], claim) end
  return { d = o[1], claims = o[2], e = o[3], least = o[4], i = i - 1 }
end

-- Those that are sent as a list, with all that they speak of.
function Offers.read(sent)
  local list = {}
  for i, o in ipairs(sent or {}) do list[i] = offer_of(o, i) end
  Records.fetch(list)
  return list
end

-- The offer in that place, from 1; `nil` behind the last.
function Offers.at(i)
  if offers[i] then return offers[i] end
  local n = #lines
  while n < i do
    if not position then return nil end
    local ends = find(text, '\n', position + 1, true)
    n = n + 1
    lines[n], position = sub(text, position + 1, ends and ends - 1), ends
  end
  local offer = offer_of(cjson.decode(lines[i]), i)
  offers[i] = offer
  return offer
end

-- What the caller wants to be told of besides those that are looked at, from 0. Read with the first, in one go.
function Offers.expect(others)
  local wanted = { Offers.at(1) }
  for i = 1, #others do
    local offer = Offers.at(others[i] + 1)
    told[i], wanted[#wanted + 1] = offer, offer
  end
  Records.fetch(wanted)
  loaded = 1
end

-- The offer in that place, all that stand before it having been looked at: with what it speaks of as it is configured
-- now. Where one has no room, those behind are read with the next, more and more at a time.
function Offers.look(i)
  local offer = Offers.at(i)
  if not offer or i <= looked_at then return offer end
  if i > loaded then
    local wanted = {}
    for j = i, max(i, 2 * loaded) do wanted[#wanted + 1] = Offers.at(j) end
    Records.fetch(wanted)
    loaded = max(i, 2 * loaded)
  end
  looked_at = i
  Records.specify(offer)
  for _, claim in ipairs(offer.claims) do
    if Records.quota(claim).phantom then
      Phantoms.drop_all({ offer })
      break
    end
  end
  return offer
end

-- All of them, looked at.
function Offers.all()
  local i = looked_at + 1
  while Offers.look(i) do i = i + 1 end
  return offers
end

-- Those of which the caller is told.
function Offers.told()
  local list = {}
  for i = 1, looked_at do list[i] = offers[i] end
  for _, offer in ipairs(told) do
    if offer.i >= looked_at then list[#list + 1] = offer end
  end
  return list
end
