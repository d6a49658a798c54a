using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using JitGrains.Gateways;
using JitGrains.GatewayTests.Support;
using JitGrains.Runtime.Engine;
using JitGrains.Secrets;
using JitGrains.Silo;
using JitGrains.Silo.ControlPlane;
using JitGrains.Silo.Revocation;
using JitGrains.TestSupport;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace JitGrains.GatewayTests.Leases;

/// <summary>Acknowledgements past the bus: a silo that takes them, and who sends them.</summary>
public sealed class AnswerLineTests
{
    private static readonly MailSeal Seal = new(new SecretKey(new byte[32]));
    private static readonly Invalidation Everything = new Invalidation.Everything();

    [Fact]
    public async Task A_gateway_answers_by_the_bus_until_it_has_a_line_and_by_the_line_then()
    {
        await using var silo = await Silo.Start();
        using var gateway = new Answering();
        var first = await silo.Ask(gateway);
        Assert.True(first.IsByBus);
        await Eventually.Get(async () => await silo.Ask(gateway) is { IsByBus: false } ? "yes" : null);
        for (var i = 0; i < 50; i++)
            Assert.False((await silo.Ask(gateway)).IsByBus);
    }

    [Fact]
    public async Task Where_a_line_breaks_answers_go_by_the_bus_and_later_by_another_line()
    {
        var silo = await Silo.Start();
        using var gateway = new Answering();
        await Eventually.Get(async () => await silo.Ask(gateway) is { IsByBus: false } ? "yes" : null);
        // An open line does not keep a silo from stopping.
        await silo.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(20));
        await Eventually.Holds(() => !gateway.Lines.TrySend(silo.Url, "i x"));

        await using var again = await Silo.Start(silo.Port);
        Assert.True((await again.Ask(gateway)).IsByBus);
        await Eventually.Get(async () =>
        {
            gateway.Time.Advance(TimeSpan.FromSeconds(1));
            return await again.Ask(gateway) is { IsByBus: false } ? "yes" : null;
        });
    }

    [Fact]
    public async Task A_silo_that_names_no_address_is_answered_by_the_bus_only()
    {
        using var gateway = new Answering();
        gateway.Bell.Acknowledge("i", ["m"], new AnswerTo("silo", null));
        gateway.Bell.Acknowledge("i", ["m"]);
        Assert.Equal(["silo", null], gateway.Bus.Sent.Select(m => m.To));
        // Nor does a process open a line to itself.
        gateway.Bell.Acknowledge("i", ["m"], new AnswerTo(gateway.Bus.Address, "http://127.0.0.1:9/"));
        Assert.Equal(3, gateway.Bus.Sent.Count);
    }

    [Fact]
    public async Task Who_does_not_have_the_keys_gets_no_line_and_what_is_no_answer_counts_for_nothing()
    {
        await using var silo = await Silo.Start();
        var heard = silo.Bell.Expect("m");
        using var http = new HttpClient();
        using (var stranger = await http.GetAsync(new Uri(silo.Url + "internal/answers")))
            Assert.Equal(HttpStatusCode.Unauthorized, stranger.StatusCode);
        using (var plain = new HttpRequestMessage(HttpMethod.Get, silo.Url + "internal/answers") { Headers = { { AnswerLines.Header, Seal.Seal(AnswerLines.Topic, silo.Url, "x") } } })
        using (var refused = await http.SendAsync(plain))
            Assert.Equal((HttpStatusCode)426, refused.StatusCode);
        foreach (var header in new[] { "", "x", new MailSeal(new SecretKey([.. Enumerable.Repeat((byte)1, 32)])).Seal(AnswerLines.Topic, silo.Url, "x"), Seal.Seal(AnswerLines.Topic, "http://other.example.com/", "x") })
            await Assert.ThrowsAsync<WebSocketException>(() => Open(silo.Url, header));

        using var line = await Open(silo.Url, Seal.Seal(AnswerLines.Topic, silo.Url, "x"));
        foreach (var nonsense in new[] { "", " ", "m", "i m", "i ", " m", Seal.Seal(BusTopics.Acknowledged, "i", "m"), "other " + Seal.Seal(BusTopics.Acknowledged, "i", "m"), "i " + Seal.Seal(BusTopics.Mail, "i", "m") })
            await Send(line, nonsense);
        await Send(line, "last " + Seal.Seal(BusTopics.Acknowledged, "last", "m"));
        await heard.All(["last"]).WaitAsync(TimeSpan.FromSeconds(20));
        Assert.False(heard.Has("i") || heard.Has("other") || heard.Has(""));

        await Send(line, "i " + new string('x', 20_000));
        var ended = await Record.ExceptionAsync(async () => Assert.Equal(WebSocketMessageType.Close, (await line.ReceiveAsync(new byte[16], CancellationToken.None)).MessageType));
        Assert.True(ended is null or WebSocketException, ended?.ToString());
    }

    private static async Task<ClientWebSocket> Open(string url, string header)
    {
        var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader(AnswerLines.Header, header);
        await socket.ConnectAsync(new Uri(url.Replace("http:", "ws:", StringComparison.Ordinal) + "internal/answers"), CancellationToken.None);
        return socket;
    }

    private static Task Send(ClientWebSocket line, string text) => line.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);

    /// <summary>A silo's end.</summary>
    private sealed class Silo(WebApplication app, int port) : IAsyncDisposable
    {
        private int asked;

        public int Port => port;

        public string Url => $"http://127.0.0.1:{port}/";

        public MailBell Bell => app.Services.GetRequiredService<MailBell>();

        public static async Task<Silo> Start(int? at = null)
        {
            var port = at ?? FreePort();
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, port));
            builder.Services.AddSingleton(new SiloOptions { AnswerUrl = new Uri($"http://127.0.0.1:{port}") });
            builder.Services.AddSingleton(Seal);
            builder.Services.AddSingleton(LeaseTime.Machine);
            builder.Services.AddSingleton<IClusterBus>(new NotedBus("silo"));
            builder.Services.AddSingleton<IAnswerLines, AnswerLines>();
            builder.Services.AddSingleton<MailBell>();
            var app = builder.Build();
            app.UseWebSockets();
            AnswerEndpoint.Map(app);
            await app.StartAsync();
            return new Silo(app, port);
        }

        /// <summary>Tells the gateway something, which it acknowledges; whether by the bus.</summary>
        public async Task<(bool IsByBus, string Mail)> Ask(Answering gateway)
        {
            var mail = $"m{++asked}";
            var heard = Bell.Expect(mail);
            var before = gateway.Bus.Sent.Count;
            gateway.Bus.Receive(Bell.Telling(mail, Everything)!);
            if (gateway.Bus.Sent.Count > before)
                return (true, mail);
            await heard.All(["i"]).WaitAsync(TimeSpan.FromSeconds(20));
            return (false, mail);
        }

        public ValueTask DisposeAsync() => app.DisposeAsync();

        private static int FreePort()
        {
            using var probe = new TcpListener(IPAddress.Loopback, 0);
            probe.Start();
            return ((IPEndPoint)probe.LocalEndpoint).Port;
        }
    }

    /// <summary>A gateway's end, which acknowledges all that it is told.</summary>
    private sealed class Answering : IDisposable
    {
        public Answering()
        {
            Lines = new AnswerLines(new SiloOptions(), Seal, new LeaseTime(Time), NullLogger<AnswerLines>.Instance);
            Bell = new MailBell(Bus, Seal, Lines);
            Bell.OnTold((mail, _, to) => Bell.Acknowledge("i", [mail], to));
        }

        public ManualTime Time { get; } = new();

        public NotedBus Bus { get; } = new("gateway");

        public AnswerLines Lines { get; }

        public MailBell Bell { get; }

        public void Dispose()
        {
            Lines.StopAsync(CancellationToken.None).GetAwaiter().GetResult();
            Lines.Dispose();
            Bell.Dispose();
        }
    }

    /// <summary>Sends nothing anywhere, and remembers it.</summary>
    private sealed class NotedBus(string address) : IClusterBus
    {
        private readonly List<(string Topic, Action<BusMessage> Handler)> handlers = [];

        public event EventHandler? Resumed
        {
            add { }
            remove { }
        }

        public string Address => address;

        public List<BusMessage> Sent { get; } = [];

        public void Publish(BusMessage message) => Sent.Add(message);

        public void Receive(BusMessage message)
        {
            foreach (var (topic, handler) in handlers)
            {
                if (topic == message.Topic)
                    handler(message);
            }
        }

        public IDisposable Subscribe(string topic, Action<BusMessage> handler)
        {
            handlers.Add((topic, handler));
            return new MemoryStream();
        }
    }
}
