-- What can be done to an MLzDeployment now. Each action changes the resource, never Git: where Git
-- states the same field, Argo CD shows the difference, and automatic self-healing undoes it.

local metadata = obj.metadata or {}
local status = obj.status or {}
local suspended = (obj.spec or {}).suspend == true

local function awaits_acknowledgement()
  if status.observedGeneration == nil or status.observedGeneration ~= metadata.generation then
    return false
  end
  local wanted = (status.schema or {}).diffDigest
  local given = (metadata.annotations or {})["mlz.dev/acknowledge-schema-change"]
  for _, one in ipairs(status.conditions or {}) do
    if one.type == "Ready" and one.reason == "AwaitingAcknowledgement" then
      return wanted ~= nil and wanted ~= given
    end
  end
  return false
end

local actions = {}
actions["suspend"] = {
  ["disabled"] = suspended,
  ["displayName"] = "Suspend",
  ["iconClass"] = "fa fa-fw fa-pause-circle",
}
actions["resume"] = {
  ["disabled"] = not suspended,
  ["displayName"] = "Resume",
  ["iconClass"] = "fa fa-fw fa-play-circle",
}
actions["acknowledge-schema-change"] = {
  ["disabled"] = not awaits_acknowledgement(),
  ["displayName"] = "Acknowledge schema change",
  ["iconClass"] = "fa fa-fw fa-check-circle",
}
actions["scale"] = {
  ["displayName"] = "Scale",
  ["iconClass"] = "fa fa-fw fa-plus-circle",
  ["params"] = { { ["name"] = "replicas" } },
}
return actions
