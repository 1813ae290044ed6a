-- Argo CD hands over parameters from 3.1 on; what the number may be is the CRD's to say.
local given = (actionParams or {})["replicas"]
local replicas = tonumber(given)
if replicas == nil then
  error("replicas must be a number, got '" .. tostring(given) .. "'", 0)
end
obj.spec.replicas = replicas
return obj
