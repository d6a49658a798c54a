// An API behind JitGrains that serves nobody but the gateway: it wants a signed assertion with every call.
// JIT_JWKS=http://gateway:8080/.jit/jwks dotnet run
using System.Text.Json;
using Orders;

string[] shown = ["sub", "act", "action", "approvers"];
var builder = WebApplication.CreateSlimBuilder(args);
builder.WebHost.UseUrls($"http://127.0.0.1:{builder.Configuration["PORT"] ?? "8082"}");
var app = builder.Build();
var assertions = new JitAssertions(builder.Configuration["JIT_JWKS"]!, audience: "orders");

app.Use(async (context, next) =>
{
    if (await assertions.VerifyAsync(context.Request) is not { } claims)
    {
        context.Response.StatusCode = StatusCodes.Status401Unauthorized;
        return;
    }

    context.Items["claims"] = claims;
    await next(context);
});

app.MapFallback((HttpContext context) =>
{
    var claims = (JsonElement)context.Items["claims"]!;
    return Results.Json(shown.ToDictionary(
        name => name, name => claims.TryGetProperty(name, out var value) ? value : (JsonElement?)null));
});

app.Lifetime.ApplicationStarted.Register(() => Console.WriteLine($"listening on {app.Urls.First()}"));
app.Run();
