-- What every step begins with, and the step itself.

Common.read_clock()
if step == 'look' then return Steps.look() end
if asked.not_after and now + meta.base > asked.not_after then
  return format('{"late":true,"now":"%.6f"}', now + meta.base)
end
if step ~= 'join' and not Common.is_known() and not Fleet.admits() then
  Common.save_meta()
  return format('{"lost":%s,"now":"%.6f"}', cjson.encode(meta.epoch), now + meta.base)
end
if meta.contested then Line.load_contested() end
return Steps[step]()
