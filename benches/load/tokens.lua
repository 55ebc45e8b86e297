-- Sends the tokens of a file (one a line) in turn.
local tokens = {}
local at = 0

function init(args)
  for line in io.lines(args[1]) do
    tokens[#tokens + 1] = wrk.format("GET", "/", { ["Authorization"] = "Bearer " .. line })
  end
end

function request()
  at = at % #tokens + 1
  return tokens[at]
end

local refused = 0
function response(status)
  if status ~= 200 then
    refused = refused + 1
    if refused == 1 then print("REFUSED: " .. status) end
  end
end
