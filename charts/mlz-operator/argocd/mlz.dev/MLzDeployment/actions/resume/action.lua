-- Absent, not false: where Git says nothing of it, the resource is as in Git again.
obj.spec.suspend = nil
return obj
