-- TCPOrigDataSent, TcpOutSegs, TcpRetransSegs: which counts what of data, ACKs, FINs, retransmissions, RSTs.

experiment{settle = 0.15, limit = 60}

local MORE <const> = 0x8000 -- MSG_MORE
local port = 9000
local l, c, s

phase('connect', function() l, c, s = pair(port) end)
c:set('TCP_NODELAY', 1)
phase('1 segment of 100 bytes', function() c:send(('x'):rep(100)) end)
phase('one write of 5 segments (7240 bytes)', function() c:send(('x'):rep(7240)) end)
phase('one write of 7241 bytes: 6 segments', function() c:send(('x'):rep(7241)) end)
wire.rule(function(p) return p.way == 'a>b' and p.len > 0 and p.new and 'drop' or nil end)
phase('1 segment, first copy lost', {settle = 0.5}, function() c:send(('x'):rep(100)) end)
wire.rule(nil)
phase('shutdown(WR): FIN alone', function() c:shutdown('w') end)
phase('server: 100 bytes and FIN together (MSG_MORE, shutdown)', function()
	s:send_now(('y'):rep(100), MORE)
	s:shutdown('w')
end)
for _, x in ipairs{c, s, l} do x:close() end

port = port + 1
l, c, s = pair(port)
phase('RST (SO_LINGER 0)', function()
	c:linger(0)
	c:close()
end)
