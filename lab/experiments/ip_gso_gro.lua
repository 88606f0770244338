-- 64 KiB written at once, without offloads: IP counts a large buffer once, TCP each segment.

experiment{settle = 0.3}

local _, c, s = pair()
phase('offloads off: 65536 bytes', function()
	c:send(('x'):rep(65536))
	local n = 0
	while n < 65536 do n = n + #s:recv(65536 - n, 5) end
end)
