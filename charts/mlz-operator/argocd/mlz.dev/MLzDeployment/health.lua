-- Health of an MLzDeployment. Status is in kstatus' format: observedGeneration, Ready, and abnormal
-- conditions that are there only while they hold. What is being deleted, Argo CD judges itself.

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

local function holds(name)
  return condition(name).status == "True"
end

-- A condition, or status.failure, in one line: its reason is the word to look up or to alert on.
local function told(one, otherwise)
  local reason, message = one.reason or "", one.message or ""
  if reason == "" and message == "" then
    return otherwise
  end
  if reason == "" or message == "" then
    return reason .. message
  end
  return reason .. ": " .. message
end

local function degraded(one)
  local message = told(one, "nothing serves, and nothing will without a change")
  if holds("Available") and not holds("Ready") then
    message = message .. " (the asset accepted before goes on serving)"
  end
  return health("Degraded", message)
end

local function warned(message)
  local mismatch = condition("SchemaMismatch")
  if mismatch.status == "True" and mismatch.message then
    return message .. "; " .. mismatch.message
  end
  return message
end

local function waiting(ready)
  local message = ready.message or ""
  if message == "" then
    local digest = (status.schema or {}).diffDigest or "the value of status.schema.diffDigest"
    message = "to go on, set the annotation mlz.dev/acknowledge-schema-change: " .. digest
  end
  if condition("Available").status == "False" then
    message = message .. " (nothing serves meanwhile)"
  end
  return health("Suspended", warned(ready.reason .. ": " .. message))
end

local ready = condition("Ready")
if (metadata.annotations or {})["mlz.dev/paused"] == "true" then
  return health("Suspended", "mlz.dev/paused: the operator leaves this deployment as it is")
end
if status.observedGeneration == nil or status.observedGeneration ~= metadata.generation then
  return health("Progressing", "the operator has not seen this spec yet")
end
if status.state == "SUSPENDED" or holds("Suspended") then
  return health("Suspended", "spec.suspend: no pods, nothing answers")
end
if holds("Stalled") then
  return degraded(condition("Stalled"))
end
if status.state == "FAILED" or (status.failure and ready.status ~= "True") then
  return degraded(status.failure or ready)
end
if ready.reason == "AwaitingAcknowledgement" then
  return waiting(ready)
end
if ready.status == "True" then
  return health("Healthy", warned(ready.message or "the wanted asset serves"))
end
local state = status.state or "the operator has said nothing yet"
return health("Progressing", warned(told(ready, state)))
