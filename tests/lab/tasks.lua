-- Tasks, timeouts, errors and large transfers do the same in both worlds.

-- An echo server in a task of its own
local l = B:listen(9000, 8)
local served = 0
local server = spawn(function()
	while served < 3 do
		local s = l:accept(5)
		if not s then return end
		spawn(function()
			repeat
				local data = s:recv(4096, 5)
				if data and #data > 0 then s:send(data, 5) end
			until not data or #data == 0
			s:close()
		end)
		served = served + 1
	end
end)

phase('three clients at once', {expect = {B = {TcpPassiveOpens = 3}, A = {TcpActiveOpens = 3}}}, function(o)
	local clients, heard = {}, list()
	for i = 1, 3 do clients[i] = A:connect(9000) end
	for i, c in ipairs(clients) do c:send('client ' .. i) end
	for i, c in ipairs(clients) do heard[i] = c:recv(100, 2) end
	o['heard'] = heard
	for i, c in ipairs(clients) do
		expect(heard[i] == 'client ' .. i, 'client %d heard %s', i, heard[i])
		c:close()
	end
	expect(server:join(2), 'the server is done')
end)

phase('refused', {settle = 0.05, expect = {A = {TcpActiveOpens = 1, TcpAttemptFails = 1}, B = {TcpOutRsts = 1}}}, function(o)
	local s = A:socket()
	local ok, message, code = s:connect(B.addr, 9999, 2)
	o['said'] = repr(ok, message, code)
	expect(not ok and code == 'ECONNREFUSED', 'refused, not %s', code)
	s:close()
end)

phase('timeouts', {settle = 0.05}, function()
	local began = now()
	local s, message, code = l:accept(0.2)
	expect(s == nil and code == 'TIMEOUT' and message == 'timed out', 'accept times out')
	expect(math.abs(now() - began - 0.2) < 0.05, 'after 0.2 s, not %.3f', now() - began)
	expect(wire.find(function() return false end, 0.1) == nil, 'find gives up')
end)

-- A megabyte (outside of phases: how many ACKs it takes is a matter of timing)
do
	local c = A:connect(9000)
	local s = l:accept(2)
	local text = ('0123456789abcdef'):rep(65536)
	local got = {}
	local reader = spawn(function()
		local n = 0
		while n < #text do
			local part = s:recv(65536, 5)
			if not part or #part == 0 then return end
			n = n + #part
			got[#got + 1] = part
		end
	end)
	expect(c:send(text, 5) == #text, 'all sent')
	expect(reader:join(10), 'all read')
	expect(table.concat(got) == text, 'the same bytes')
	expect(c:unacked() == 0, 'all acknowledged')
	c:close()
	s:close()
	sleep(0.3)
end

-- names and addresses
local c = A:connect(9000, {from_port = 12345})
local s = l:accept(2)
local addr, port = s:peer()
expect(addr == A.addr and port == 12345, 'the peer is %s:%s', addr, port)
expect(c:get('TCP_NODELAY') == 0 and c:set('TCP_NODELAY', 1) and c:get('TCP_NODELAY') == 1, 'an option')
expect(c:info().state == 1, 'established')
expect(#B:sockets{state = 'ESTAB'} == 1, 'ss sees it')
c:set('SO_LINGER', {1, 0})
local keys = {}
for k in pairs{b = 1, a = 2, c = 3} do keys[#keys + 1] = k end
expect(table.concat(keys) == 'abc', 'pairs is in order')
