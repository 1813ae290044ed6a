-- Health of an MLzScoringService: whether deployments may use it.

local metadata = obj.metadata or {}
local status = obj.status or {}

local function health(word, message)
  return { status = word, message = message }
end

local function condition(name)
  for _, one in ipairs(status.conditions or {}) do
    if one.type == name then
      return one
    end
  end
  return {}
end

local ready = condition("Ready")
if (metadata.annotations or {})["mlz.dev/paused"] == "true" then
  return health("Suspended", "mlz.dev/paused: the operator leaves this scoring service as it is")
end
if status.observedGeneration == nil or status.observedGeneration ~= metadata.generation then
  return health("Progressing", "the operator has not seen this spec yet")
end
if ready.status == "True" then
  return health("Healthy", ready.message)
end
if ready.reason == "ScoringServiceInactive" then
  return health("Suspended", ready.message)
end
if ready.status == "False" then
  return health("Degraded", (ready.reason or "NotReady") .. ": " .. (ready.message or ""))
end
return health("Progressing", ready.message or "the operator has said nothing yet")
