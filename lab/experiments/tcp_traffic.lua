-- 'hello', 'world' and two more words, read or not, with and without window scaling: the fast path's counters.
-- The document's "TCP normal traffic".

experiment{settle = 0.3}

-- The document reads nothing into whether the server reads; without window scaling it expects the fast path at once.
local says = {
	[1] = {
		hello = {A = {TcpExtTCPPureAcks = 1, TcpExtTCPHPAcks = 0, TcpExtTCPOrigDataSent = 1, TcpInSegs = 1, TcpOutSegs = 1},
		         B = {TcpExtTCPHPHits = 0, TcpInSegs = 1, TcpOutSegs = 1}},
		world = {A = {TcpExtTCPPureAcks = 0, TcpExtTCPHPAcks = 1, TcpExtTCPOrigDataSent = 1, TcpInSegs = 1, TcpOutSegs = 1},
		         B = {TcpExtTCPHPHits = 1, TcpInSegs = 1, TcpOutSegs = 1}},
	},
	[0] = {
		hello = {A = {TcpExtTCPHPAcks = 1, TcpExtTCPPureAcks = 0}, B = {TcpExtTCPHPHits = 1}},
		world = {A = {TcpExtTCPHPAcks = 1, TcpExtTCPPureAcks = 0}, B = {TcpExtTCPHPHits = 1}},
	},
}

local port = 9000
for _, scaling in ipairs{1, 0} do
	for _, h in ipairs{A, B} do h:sysctl('net.ipv4.tcp_window_scaling', scaling) end
	for _, reading in ipairs{true, false} do
		local tag = ('wscale %s, server %s'):format(scaling == 1 and 'on' or 'off', reading and 'reads' or 'does not read')
		local l, c, s = pair(port)
		for _, word in ipairs{'hello', 'world', 'third', 'fourth'} do
			phase(tag .. ': ' .. word, {document = says[scaling][word]}, function()
				c:send(word .. '\n')
				if reading then s:recv(100, 2) end
			end)
		end
		if reading then
			phase(tag .. ': server answers once', function()
				s:send('reply\n')
				c:recv(100, 2)
			end)
			phase(tag .. ': client sends again', function()
				c:send('again\n')
				s:recv(100, 2)
			end)
			phase(tag .. ': server answers again', function()
				s:send('reply\n')
				c:recv(100, 2)
			end)
		end
		phase(tag .. ': client closes', function() c:close() end)
		phase(tag .. ': server closes', function()
			s:close()
			l:close()
		end)
		port = port + 1
	end
end
