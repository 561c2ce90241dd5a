-- The steps that come seldom: the rest of the part that steps.lua begins.

-- What was answered before to a reserve that comes again. `text`: what is held for it.
function Steps.answered(id, text)
  if string.sub(text, 1, 1) ~= 'w' then
    local held = Settling.held(id)
    for i = 1, held.index + 1 do Offers.look(i) end
    return Steps.taken(held)
  end
  Offers.all()
  local place = Places.place(id, text)
  return format('"ticket":%.6f', place.at == NEVER and 0 or max(0, place.at - now))
end

-- As many more of what was granted as were asked for, and there is room for when nobody waits. Each has the id of the
-- first, and a number.
function Steps.ahead(offer)
  for number = 1, asked.more do
    local place = {
      id = asked.id .. '.' .. number, number = format('%012d', meta.number), score = -asked.priority,
      offers = { offer }, latest = now, done_by = NEVER, panic = false, grace = INSTANT, at = NEVER,
    }
    if not (Line.empty() and Line.take_first(place, place.offers)) then return number - 1 end
  end
  return asked.more
end

function Steps.cancel()
  local changes = {}
  for _, id in ipairs(asked.ids) do Settling.free(id, false, changes) end
  return Steps.finish({ '"changes":' .. Steps.list(changes) })
end

function Steps.tend()
  if now > meta.reap then Fleet.reap() end
  for _, id in ipairs(asked.undo or {}) do Settling.free(id, false) end
  if asked.leaving then
    while not Fleet.remove(me) do end
    return Steps.finish({})
  end
  Fleet.renew()
  local offers = Offers.read(asked.offers)
  Phantoms.drop_all(offers)
  Line.serve()
  if not Line.empty() and now + INSTANT >= meta.looked + SOON then Waiting.look_again() end
  Joining.reconcile(asked.waiting or {})
  return Steps.finish({ '"states":' .. Books.states(offers), asked.budgets and '"budgets":' .. Books.budgets(asked.budgets) })
end

function Steps.join()
  if now > meta.reap then Fleet.reap() end
  Joining.join()
  return Steps.finish({})
end

function Steps.look()
  local names = {}
  for i, name in ipairs(call('ZRANGE', K .. 'procs', 0, -1)) do names[i] = cjson.encode(name) end
  local states, budgets = Books.states(Offers.read(asked.offers)), Books.budgets(asked.budgets or {})
  return format('{"states":%s,"budgets":%s,"names":%s}', states, budgets, Steps.list(names))
end
