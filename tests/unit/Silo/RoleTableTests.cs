using JitGrains.TestSupport;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.UnitTests.Silo;

/// <summary>
/// Who may do what on the control plane, as a table: for each endpoint what somebody without a token, somebody in no group,
/// the requester, an approver, an auditor, an operator, and an operator through an agent are answered.
/// </summary>
public sealed class RoleTableTests
{
    private static readonly string?[] Roles = [null, "eve", "alice", "bob", "dave", "olga", "olga through an agent"];

    /// <summary>Method and address, body, and the statuses in the order of the roles. $RQ is a pending request of alice's, $GR a grant of hers, $KEY a key of which she is the owner.</summary>
    public static TheoryData<string, string?, string> Table => new()
    {
        //                                                                           none eve alice bob dave olga through
        { "GET /me", null,                                                           "401 200 200 200 200 200 200" },
        { "GET /me/sessions", null,                                                  "401 200 200 200 200 200 403" },
        { "DELETE /me/sessions/ss_00000000000000000000000000", null,                 "401 404 404 404 404 404 403" },
        { "GET /requests", null,                                                     "401 200 200 200 200 200 200" },
        { "GET /requests/$RQ", null,                                                 "401 404 200 200 200 200 404" },
        { "POST /requests/$RQ/votes", "$VOTE",                                       "401 404 403 200 403 403 404" },
        { "DELETE /requests/$RQ", null,                                              "401 404 403 403 403 200 404" },
        { "GET /grants", null,                                                       "401 200 200 200 200 200 200" },
        { "DELETE /grants/$GR", null,                                                "401 404 403 200 403 200 404" },
        { "POST /principals/dev:user:zoe/revoke", null,                              "401 403 403 403 403 200 403" },
        { "POST /revocations", """{"action":"orders.read"}""",                       "401 403 403 403 403 200 403" },
        { "PUT /blocks/dev:user:zoe", null,                                          "401 403 403 403 403 200 403" },
        { "DELETE /blocks/dev:user:zoe", null,                                       "401 403 403 403 403 200 403" },
        { "GET /blocks", null,                                                       "401 403 403 403 200 200 403" },
        { "POST /keys", """{"name":"k","owner":"dev:user:zoe","expires_in":60}""",   "401 403 403 403 403 200 403" },
        { "GET /keys", null,                                                         "401 200 200 200 200 200 200" },
        { "DELETE /keys/$KEY", null,                                                 "401 404 200 404 403 200 404" },
        { "GET /gateways", null,                                                     "401 403 403 403 200 200 403" },
        { "GET /audit", null,                                                        "401 403 403 403 200 200 403" },
        { "GET /audit/verify", null,                                                 "401 403 403 403 200 200 403" },
        { "POST /audit/erase", """{"principal":"dev:user:alice","reason":"r"}""",    "401 403 403 403 403 200 403" },
        { "GET /policy", null,                                                       "401 200 200 200 200 200 200" },
        { "PUT /policy", """{"files":{"a.yaml":"version: 1"},"dry_run":true}""",     "401 403 403 403 403 200 403" },
        { "POST /policy/rollback", """{"to":1}""",                                   "401 403 403 403 403 200 403" },
        { "GET /policy/history", null,                                               "401 403 403 403 200 200 403" },
        { "GET /policy/versions/1", null,                                            "401 403 403 403 200 200 403" },
        { "GET /policy/diff", null,                                                  "401 403 403 403 200 200 403" },
        { "GET /explain/$RQ", null,                                                  "401 404 200 200 200 200 404" },
        { "POST /explain", """{"method":"GET","url":"http://127.0.0.1:8080/orders/1","principal":"dev:user:zoe"}""", "401 403 403 403 200 200 403" },
    };

    [Theory]
    [MemberData(nameof(Table))]
    public async Task Each_role_may_do_exactly_what_the_table_says(string endpoint, string? body, string statuses)
    {
        await using var host = await SiloHost.StartAsync(policyInStore: true);
        var expected = statuses.Split(' ');
        var said = new List<string>();
        for (var i = 0; i < Roles.Length; i++)
        {
            // Each role finds everything untouched by those before it.
            var request = await host.Raise(host.AskByPolicy(i + 1) with { Resource = $"order={i}", PayloadDigest = $"digest {i}", RejoinKey = $"rejoin {i}" });
            var seen = (await host.As("bob", "GET", $"/api/v1/requests/{request}")).Json!["request"]!;
            var vote = $$"""{"decision":"approve","digest":"{{seen["digest"]}}"}""";
            var path = endpoint.Split(' ')[1].Replace("$RQ", request, StringComparison.Ordinal);
            if (path.Contains("$GR", StringComparison.Ordinal))
            {
                await host.As("carol", "POST", $"/api/v1/requests/{request}/votes", vote);
                await host.Idle();
                path = path.Replace("$GR", (await host.As("carol", "GET", $"/api/v1/requests/{request}")).Json!["request"]!["grant_id"]!.GetValue<string>(), StringComparison.Ordinal);
            }

            if (path.Contains("$KEY", StringComparison.Ordinal))
            {
                Assert.Equal(200, (await host.As("olga", "POST", "/api/v1/keys", $$"""{"name":"k{{i}}","owner":"dev:user:alice","expires_in":60}""")).Status);
                path = path.Replace("$KEY", $"k{i}", StringComparison.Ordinal);
            }

            var token = Roles[i] switch
            {
                null => null,
                "olga through an agent" => host.Token("olga", act: "bot"),
                var who => host.Token(who),
            };
            var answer = await host.Send(token, endpoint.Split(' ')[0], "/api/v1" + path, body == "$VOTE" ? vote : body);
            said.Add($"{answer.Status}");
        }

        Assert.Equal(expected, said);
    }

    [Fact]
    public async Task The_table_has_every_endpoint()
    {
        await using var host = await SiloHost.StartAsync();
        var there = host.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(e => e.RoutePattern.RawText!.StartsWith("/api/v1", StringComparison.Ordinal))
            .SelectMany(e => e.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods.Select(m => Shape($"{m} {e.RoutePattern.RawText!["/api/v1".Length..]}")))
            .ToHashSet(StringComparer.Ordinal);
        Assert.NotEmpty(there);
        Assert.Empty(there.Except(Table.Select(row => Shape((string)row[0])), StringComparer.Ordinal));
    }

    /// <summary>A route and an address of it look the same: every segment with an id, a name or a number is a star.</summary>
    private static string Shape(string endpoint) => string.Join('/', endpoint.Split('/').Select(s =>
        s.StartsWith('{') || s.StartsWith('$') || s.Contains(':', StringComparison.Ordinal) || s.StartsWith("ss_", StringComparison.Ordinal) || s == "1" ? "*" : s));
}
