-- A queued connection whose client has died (FIN or RST) still fills its place: what accept() gives then.
-- The backlog notes: "the counter does not know whether the client has ended the connection".

experiment{settle = 0.15}

local port = 9000

local function states()
	local out = list()
	for _, r in ipairs(B:sockets{port = port}) do out[#out + 1] = r.state end
	table.sort(out)
	return out
end

local function look(o)
	observe_all(o, B:queue(port))
	o['ss'] = states()
end

for _, how in ipairs{'FIN', 'RST'} do
	local l, second, third, s = B:listen(port, 1), nil, nil, nil
	phase(how .. ': first client connects and dies', function(o)
		local c = A:connect(port)
		if how == 'RST' then c:linger(0) end
		c:close()
		sleep(0.1)
		look(o)
	end)
	phase(how .. ': second client connects', function(o)
		second = A:connect(port)
		sleep(0.001) -- its final ACK
		look(o)
	end)
	phase(how .. ': third client tries', {settle = 0.3}, function(o)
		third = A:connect_start(port)
		sleep(0.1)
		look(o)
		o['third connected'] = third:ready('out')
	end)
	phase(how .. ': server accepts the dead one', function(o)
		local addr
		s, addr = l:accept(2)
		o['accept peer'] = addr
		local peer, message, code = s:peer()
		o['peer name'] = peer or repr(nil, message, code)
		o['recv'] = repr(s:recv_now(10))
		o['send'] = repr(s:send_now('x'))
		sleep(0.05)
		o['send again'] = repr(s:send_now('x'))
		observe_all(o, B:queue(port))
	end)
	s:close()
	second:close()
	third:close()
	sleep(0.2)
	phase(how .. ': listener closed with queued connections', function(o)
		l:close()
		sleep(0.1)
		o['ss'] = states()
	end)
	port = port + 1
end

phase('listener closed with 2 live queued clients', function(o)
	local l = B:listen(port, 5)
	local clients = {A:connect(port), A:connect(port)}
	clients[1]:send('hello')
	sleep(0.1)
	l:close()
	sleep(0.1)
	for i, c in ipairs(clients) do o[('client %d recv'):format(i - 1)] = repr(c:recv(10, 0.3)) end
	o['ss'] = states()
end)
