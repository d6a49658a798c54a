using JitGrains.Identity;
using JitGrains.Json;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;

namespace JitGrains.Silo.ControlPlane;

/// <summary>The OpenAPI document of the control plane: served at <c>/openapi/v1.json</c>, checked in as docs/openapi.json.</summary>
internal static class OpenApi
{
    public const string DocumentName = "v1";

    public static void Add(IServiceCollection services)
    {
        // The document's schemas follow these settings, as do the answers.
        services.Configure<JsonOptions>(o =>
        {
            o.SerializerOptions.PropertyNamingPolicy = JitJson.Options.PropertyNamingPolicy;
            o.SerializerOptions.DefaultIgnoreCondition = JitJson.Options.DefaultIgnoreCondition;
            o.SerializerOptions.NumberHandling = JitJson.Options.NumberHandling;
            foreach (var converter in JitJson.Options.Converters)
                o.SerializerOptions.Converters.Add(converter);
        });
        services.AddOpenApi(DocumentName, options =>
        {
            options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
            options.ShouldInclude = static d => d.RelativePath is { } path
                && (path.StartsWith("api/v1/", StringComparison.Ordinal) || path is "healthz" or "readyz");
            options.AddDocumentTransformer(static (document, _, _) =>
            {
                document.Info = new OpenApiInfo { Title = "JitGrains control plane", Version = "1" };
                // Where it is served is the installation's business.
                document.Servers = [];
                document.Components ??= new OpenApiComponents();
                document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>(StringComparer.Ordinal)
                {
                    ["bearer"] = new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "bearer", BearerFormat = "JWT" },
                };
                return Task.CompletedTask;
            });
            options.AddOperationTransformer(static (operation, context, _) =>
            {
                Describe(operation, context);
                return Task.CompletedTask;
            });
            options.AddSchemaTransformer(static (schema, context, _) =>
            {
                if (context.JsonTypeInfo.Type == typeof(PrincipalId))
                {
                    schema.Type = JsonSchemaType.String;
                    schema.Properties = null;
                    schema.Required = null;
                    schema.Description = "realm:kind:name, such as dev:user:alice";
                }

                return Task.CompletedTask;
            });
        });
    }

    private static void Describe(OpenApiOperation operation, OpenApiOperationTransformerContext context)
    {
        // Otherwise the names of our classes.
        operation.Tags?.Clear();
        foreach (var name in context.Description.ActionDescriptor.EndpointMetadata.OfType<QueryParameters>().SelectMany(q => q.Names))
        {
            operation.Parameters ??= [];
            operation.Parameters.Add(new OpenApiParameter { Name = name, In = ParameterLocation.Query, Schema = new OpenApiSchema { Type = JsonSchemaType.String } });
        }

        operation.Responses ??= [];
        operation.Responses["default"] = new OpenApiResponse
        {
            Description = "A problem (RFC 9457); its type says which (docs/api.md).",
            Content = new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal) { [Problem.MediaType] = new() },
        };
        if (context.Description.RelativePath!.StartsWith("api/", StringComparison.Ordinal))
            operation.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference("bearer", context.Document)] = [] }];
    }
}
