using System.Buffers.Text;
using System.Text;
using JitGrains.Approvals;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Outbox;
using JitGrains.Runtime.Engine;
using JitGrains.Wire;

namespace JitGrains.UnitTests.Runtime;

public class ReadModelTests
{
    private static readonly PrincipalId Bob = new("dev:user:bob");
    private static readonly PrincipalId Bot = new("dev:agent:bot");

    public static TheoryData<string> Stores => EngineHarness.Stores;

    /// <summary>Cursors that no request list gave out.</summary>
    public static TheoryData<string, string> BadCursors
    {
        get
        {
            var cases = new TheoryData<string, string>();
            foreach (var store in (string[])["memory", "sqlite"])
            {
                foreach (var bad in (string[])
                    ["!", "%00", "a b", "é", new string('a', 5000), Encode(""), Encode("r"), Encode("r.1.0."), Encode("g.1.0.rq_1"), Encode("r.x.0.rq_1"),
                        Encode("r.-1.0.rq_1"), Encode("r.99999999999999999999.0.rq_1"), Encode("r.9223372036854775807.0.rq_1"), Encode("r.1.x.rq_1"), Encode("rr.1.0.rq_1"), "AAAA=", "/+8"])
                {
                    cases.Add(store, bad);
                }
            }

            return cases;

            static string Encode(string text) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text)) is { Length: > 0 } encoded ? encoded : "=";
        }
    }

    [Theory]
    [MemberData(nameof(BadCursors))]
    public async Task A_malformed_cursor_is_refused(string store, string cursor)
    {
        await using var engine = EngineHarness.Create(store);
        Assert.IsType<PageReply<ApprovalRequestView>.MalformedCursor>(await engine.Views.ListRequestsAsync(RequestFilter.All, cursor));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_forged_cursor_is_a_value_and_nothing_else(string store)
    {
        await using var engine = EngineHarness.Create(store);
        await engine.Store.WriteAsync("one", new OutboxMessage.ShowRequest(Samples.Request("rq_1")));
        var forged = new PageCursor('r', Samples.T0.UtcTicks, "' OR 1=1; DROP TABLE requests --").ToString();
        var page = Assert.IsType<PageReply<ApprovalRequestView>.Page>(await engine.Views.ListRequestsAsync(RequestFilter.All, forged));
        Assert.Empty(page.Items);
        Assert.NotNull(await engine.Views.GetRequestAsync("rq_1"));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Of_many_requests_those_decided_are_found_at_once(string store)
    {
        await using var engine = EngineHarness.Create(store);
        await engine.Store.WriteAsync("one", new OutboxMessage.ShowRequest(Samples.Request("rq_1")), new OutboxMessage.ShowRequest(Samples.Request("rq_2")), new OutboxMessage.ShowRequest(Samples.Request("rq_3")));
        await engine.Store.WriteAsync(
            "one",
            new OutboxMessage.ShowRequest(Samples.Request("rq_2") with { Status = RequestStatus.Approved }),
            new OutboxMessage.ShowRequest(Samples.Request("rq_3") with { Status = RequestStatus.Denied }));
        var decided = await engine.Views.ListDecidedAsync(["rq_1", "rq_2", "rq_4"]);
        Assert.Equal(["rq_2"], decided);
        Assert.Empty(await engine.Views.ListDecidedAsync([]));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Rows_show_what_was_written_last(string store)
    {
        await using var engine = EngineHarness.Create(store);
        var request = Samples.Request("rq_1");
        await engine.Store.WriteAsync("one", new OutboxMessage.ShowRequest(request), new OutboxMessage.ShowGrant(Samples.Grant("gr_1", "rq_1")), new OutboxMessage.ShowExecution(Samples.Execution("ex_1", "gr_1", "rq_1")));
        Assert.Equal("customer called", (await engine.Views.GetRequestAsync("rq_1"))!.Reason);
        Assert.Equal("ex_1", Assert.Single(await engine.Views.ListOpenExecutionsAsync("gw_2")).Id);
        Assert.Empty(await engine.Views.ListOpenExecutionsAsync("gw_1"));

        await engine.Store.WriteAsync(
            "one",
            new OutboxMessage.ShowRequest(request with { Status = RequestStatus.Approved, GrantId = "gr_1" }),
            new OutboxMessage.ShowGrant(Samples.Grant("gr_1", "rq_1", GrantStatus.Consumed)),
            new OutboxMessage.ShowExecution(Samples.Execution("ex_1", "gr_1", "rq_1", outcome: Samples.Completed)));
        Assert.Equal(RequestStatus.Approved, (await engine.Views.GetRequestAsync("rq_1"))!.Status);
        Assert.Equal(GrantStatus.Consumed, (await engine.Views.GetGrantByRequestAsync("rq_1"))!.Status);
        Assert.Equal(GrantStatus.Consumed, (await engine.Views.GetGrantAsync("gr_1"))!.Status);
        Assert.Equal(Samples.Completed, (await engine.Views.GetExecutionAsync("ex_1"))!.Outcome);
        Assert.Empty(await engine.Views.ListOpenExecutionsAsync("gw_2"));
        Assert.Null(await engine.Views.GetRequestAsync("rq_2"));
        Assert.Null(await engine.Views.GetGrantAsync("gr_2"));
        Assert.Null(await engine.Views.GetGrantByRequestAsync("rq_2"));
        Assert.Null(await engine.Views.GetExecutionAsync("ex_2"));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Every_caller_key_that_a_principal_is_part_of_is_found(string store)
    {
        await using var engine = EngineHarness.Create(store);
        await engine.Store.WriteAsync(
            "one",
            new OutboxMessage.ShowRequest(Samples.Request("rq_1")),
            new OutboxMessage.ShowRequest(Samples.Request("rq_2", actors: [Bot])),
            new OutboxMessage.ShowRequest(Samples.Request("rq_3", principal: Bob, actors: [Bot, Samples.Alice])),
            new OutboxMessage.ShowGrant(Samples.Grant("gr_4", "rq_4", principal: Bob)));
        Assert.Equal(["dev:user:alice", "dev:user:alice^dev:agent:bot", "dev:user:bob^dev:agent:bot^dev:user:alice"], await engine.Views.ListCallerKeysAsync(Samples.Alice));
        Assert.Equal(["dev:user:bob", "dev:user:bob^dev:agent:bot^dev:user:alice"], await engine.Views.ListCallerKeysAsync(Bob));
        Assert.Empty(await engine.Views.ListCallerKeysAsync(new PrincipalId("dev:user:carol")));
    }

    [Fact]
    public async Task Both_stores_give_the_same_pages_for_every_filter()
    {
        await using var memory = EngineHarness.Create("memory");
        await using var sqlite = EngineHarness.Create("sqlite");
        var random = new Random(11);
        var rows = new List<OutboxMessage>();
        for (var i = 0; i < 200; i++)
        {
            var at = Samples.T0 + TimeSpan.FromSeconds(random.Next(30));
            var who = random.Next(2) == 0 ? Samples.Alice : Bob;
            var action = random.Next(2) == 0 ? "orders.refund" : "orders.delete";
            rows.Add(new OutboxMessage.ShowRequest(Samples.Request(
                $"rq_{i:000}", (RequestStatus)random.Next(3), at, who, action, $"order={random.Next(5)}", $"k{random.Next(4)}", random.Next(2) == 0 ? [] : [Bot])));
            rows.Add(new OutboxMessage.ShowGrant(Samples.Grant($"gr_{i:000}", $"rq_{i:000}", (GrantStatus)random.Next(5), at, who, action)));
            rows.Add(new OutboxMessage.ShowExecution(Samples.Execution(
                $"ex_{i:000}", $"gr_{random.Next(5):000}", $"rq_{random.Next(10):000}", $"gw_{random.Next(3)}", at, random.Next(2) == 0 ? null : Samples.Completed)));
        }

        await memory.Store.WriteAsync("one", [.. rows]);
        await sqlite.Store.WriteAsync("one", [.. rows]);
        var found = 0;
        foreach (var action in (string?[])[null, "orders.delete"])
        {
            foreach (var who in (PrincipalId?[])[null, Bob])
            {
                foreach (var callerKey in (string?[])[null, Samples.Alice.Value, "nobody"])
                {
                    foreach (var status in (RequestStatus?[])[null, RequestStatus.Approved])
                    {
                        foreach (var rejoin in (string?[])[null, "k2"])
                        {
                            var filter = new RequestFilter { Status = status, Action = action, Principal = who, CallerKey = callerKey, RejoinKey = rejoin };
                            found += await SameAsync((views, cursor, limit) => views.ListRequestsAsync(filter, cursor, limit), r => (r.RaisedAt, r.Id));
                        }
                    }

                    foreach (var status in (GrantStatus?[])[null, GrantStatus.Revoked])
                    {
                        var filter = new GrantFilter { Status = status, Action = action, Principal = who, CallerKey = callerKey };
                        found += await SameAsync((views, cursor, limit) => views.ListGrantsAsync(filter, cursor, limit), g => (g.NotBefore, g.Id));
                    }
                }
            }
        }

        Assert.True(found > 1_000, $"only {found} rows were compared");
        foreach (var request in (string[])["rq_003", "rq_005", "rq_006"])
            Assert.True(await SameAsync((views, cursor, limit) => views.ListExecutionsAsync(request, cursor, limit), e => (e.StartedAt, e.Id)) > 7);
        Assert.Equal(0, await SameAsync((views, cursor, limit) => views.ListExecutionsAsync("rq_none", cursor, limit), e => (e.StartedAt, e.Id)));

        Assert.Equal(Ids(await memory.Views.ListOpenExecutionsAsync("gw_1")), Ids(await sqlite.Views.ListOpenExecutionsAsync("gw_1")));
        foreach (var row in rows.OfType<OutboxMessage.ShowRequest>().Take(30))
        {
            var similar = await memory.Views.ListSimilarRequestsAsync(row.Request, 5);
            Assert.Equal(similar.Select(r => r.Id), (await sqlite.Views.ListSimilarRequestsAsync(row.Request, 5)).Select(r => r.Id));
            Assert.DoesNotContain(row.Request.Id, similar.Select(r => r.Id));
        }

        static IEnumerable<string> Ids(IEnumerable<ExecutionRecord> executions) => executions.Select(e => e.Id);

        async Task<int> SameAsync<T>(Func<IReadModel, string?, int, Task<PageReply<T>>> list, Func<T, (DateTimeOffset, string)> key)
        {
            var expected = (await Samples.AllPagesAsync(c => list(memory.Views, c, 7))).ConvertAll(i => key(i));
            var actual = (await Samples.AllPagesAsync(c => list(sqlite.Views, c, 13))).ConvertAll(i => key(i));
            Assert.Equal(expected, actual);
            Assert.Equal(expected.OrderByDescending(k => k.Item1).ThenByDescending(k => k.Item2, StringComparer.Ordinal), expected);
            Assert.Equal(expected.Count, expected.Distinct().Count());
            return expected.Count;
        }
    }
}
