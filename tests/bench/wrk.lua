-- Sends GET requests with one of the tokens in the file that TOKENS names (one a line), taken in turn. A path that ends in
-- /N has a number in its place, from 0 to 999. The requests are made before the run: making them is no part of it.
local requests = {}
local next_request = 0

init = function(args)
  local tokens = {}
  local file = os.getenv("TOKENS")
  if file then
    for line in io.lines(file) do
      if #line > 0 then tokens[#tokens + 1] = line end
    end
  end
  local count = wrk.path:match("/N$") and 1000 or math.max(#tokens, 1)
  for i = 1, count do
    local headers = #tokens > 0 and { Authorization = "Bearer " .. tokens[(i - 1) % #tokens + 1] } or nil
    requests[i] = wrk.format("GET", (wrk.path:gsub("/N$", "/" .. (i * 7919 % 1000))), headers)
  end
end

request = function()
  next_request = next_request % #requests + 1
  return requests[next_request]
end

-- One line that the bench reads: duration in microseconds, requests, failures, p50, p99 and the longest in microseconds.
done = function(summary, latency, requests)
  local failed = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout
  io.write(string.format("RESULT %d %d %d %d %d %d\n", summary.duration, summary.requests, failed, latency:percentile(50), latency:percentile(99), latency.max))
end
