-- 64 KiB written at once, over a link without and one with offloads: IP counts a super-frame once, TCP and ECN each segment.

network{links = {{'A', 'B'}, {'A', 'B', offload = true}}}
experiment{settle = 0.3}

local function bulk(name, link)
	local l = B:listen(9000 + link)
	local c = A:connect(9000 + link, {to = B.addrs[link]})
	local s = l:accept(5)
	sleep(0.03) -- the client's final ACK
	phase(name, function()
		c:send(('x'):rep(65536))
		local n = 0
		while n < 65536 do n = n + #s:recv(65536 - n, 5) end
	end)
end

bulk('offloads off: 65536 bytes', 0)
bulk('offloads on: 65536 bytes', 1)
