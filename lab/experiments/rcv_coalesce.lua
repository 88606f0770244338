-- 'foo' and 'bar' arrive, nobody reads: the second is merged with the first.  Then larger and faster ones.
-- The document's "TcpExtTCPRcvCoalesce".

-- Less than 200 ms between two phases: after a longer gap the receiver acknowledges every segment at once for a while.
experiment{settle = 0.1}
local l, c, s = pair()

phase("'foo'", {document = {B = {TcpExtTCPRcvCoalesce = 0, TcpInSegs = 1, TcpOutSegs = 1}}}, function() c:send('foo') end)
phase("'bar'", {document = {B = {TcpExtTCPRcvCoalesce = 1, TcpExtTCPHPHits = 0, TcpInSegs = 1, TcpOutSegs = 1}}}, function()
	c:send('bar')
end)
s:recv(100, 2)
phase("after read, 'baz'", function() c:send('baz') end)
phase('3 more of 1 byte', function()
	for _ = 1, 3 do
		c:send('x')
		sleep(0.05)
	end
end)
s:recv(100, 2)
c:set('TCP_NODELAY', 1)
phase('10 full segments of 1448', function()
	for _ = 1, 10 do
		c:send(('y'):rep(1448))
		sleep(0.02)
	end
end)
s:recv(100000, 2)
phase('20 segments of 500, back to back', function()
	for _ = 1, 20 do c:send(('z'):rep(500)) end
end)
