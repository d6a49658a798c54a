using JitGrains.UnitTests.Policy;

namespace JitGrains.UnitTests.Binding;

/// <summary>Masks and summaries that a review could not use are problems of the policy, not errors of a held call.</summary>
public class ShownByPolicyTests
{
    [Theory]
    [InlineData("mask: [body.card]", null)]
    [InlineData("mask: [body, query, header.x-key]", null)]
    [InlineData("mask: ['body.items[].secret', 'body[].x']", null)]
    [InlineData("mask: [card]", "body, query or header")]
    [InlineData("mask: [body..card]", "single dots")]
    [InlineData("mask: ['body.a[0]']", "single dots")]
    [InlineData("mask: ['body.sec*']", "whole name")]
    [InlineData("mask: [header]", "one name")]
    [InlineData("summary: 'refund of {body.amount} on {path.order}'", null)]
    [InlineData("summary: 'refund of {body.amount'", "no closing one")]
    [InlineData("summary: 'refund of {amount}'", "a placeholder is one of")]
    [InlineData("summary: 'refund on {path.ordre}'", "no parameter 'ordre'")]
    public void They_are_checked_when_the_policy_is_read(string line, string? problem)
    {
        var result = Given.Load($$"""
            version: 1
            realm: dev
            apis:
              orders:
                upstreams: ["http://127.0.0.1:1"]
                actions:
                  orders.refund:
                    methods: [POST]
                    path: "/orders/{order}/refunds"
                    {{line}}
            rules:
              - {name: refunds, who: {anyone: true}, actions: {names: [orders.refund]}, effect: allow}
            """);
        var problems = string.Join('\n', result.Problems);
        Assert.True(problem is null == result.Policy is not null, problems);
        Assert.Contains(problem ?? "", problems, StringComparison.Ordinal);
    }
}
