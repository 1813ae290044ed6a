-- Accepts the difference that status tells of; another one has another digest and waits anew.
local digest = ((obj.status or {}).schema or {}).diffDigest
if digest == nil then
  error("there is no schema change to acknowledge: status.schema.diffDigest is absent", 0)
end
obj.metadata.annotations = obj.metadata.annotations or {}
obj.metadata.annotations["mlz.dev/acknowledge-schema-change"] = digest
return obj
